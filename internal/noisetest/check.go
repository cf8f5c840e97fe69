package noisetest

import "encoding/binary"

// IsAnonymous reports whether b is the payload of a message 3 in which an anonymous dialler says all that it must.
func IsAnonymous(b []byte) bool {
	if len(b) > 0 && b[0] == 3 {
		if len(b) < 3 {
			return false
		}
		n := int(binary.BigEndian.Uint16(b[1:]))
		if n < 1 || n > 4096 || len(b) < 3+n {
			return false
		}
		b = b[3+n:]
	}
	if len(b) == 0 || b[0] != 1 {
		return false
	}
	for b = b[1:]; len(b) > 0; {
		if len(b) < 4 {
			return false
		}
		n := binary.BigEndian.Uint32(b)
		if n > 1<<20 || uint32(len(b)-4) < n {
			return false
		}
		b = b[4+n:]
	}
	return true
}

// IsFeatures reports whether b is the encoding of a list of features.
func IsFeatures(b []byte) bool {
	if len(b) == 0 || b[0] > 32 {
		return false
	}
	last := ""
	count := int(b[0])
	b = b[1:]
	for range count {
		if len(b) == 0 || b[0] < 1 || b[0] > 64 || len(b) < 1+int(b[0]) {
			return false
		}
		f := string(b[1 : 1+b[0]])
		for _, r := range f {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '/' && r != '-' {
				return false
			}
		}
		if f <= last {
			return false
		}
		last, b = f, b[1+b[0]:]
	}
	return len(b) == 0
}
