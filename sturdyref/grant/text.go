package grant

import (
	"encoding/base64"
	"strings"
)

const textPrefix = "hawser-grant:"

// strictBase64 is base64url without padding and with nothing in the bits left over.
var strictBase64 = base64.RawURLEncoding.Strict()

// MarshalText writes the grant for bulletin boards and mail: "hawser-grant:" and base64url.
func (g *Grant) MarshalText() ([]byte, error) {
	return append([]byte(textPrefix), strictBase64.EncodeToString(g.bytes)...), nil
}

// UnmarshalText reads what MarshalText wrote, and as Parse does refuses whatever has not the form of a grant. White
// space, such as a mail program inserts, does not matter.
func (g *Grant) UnmarshalText(text []byte) error {
	const enough = 4 * MaxBytes
	if len(text) > enough {
		return refuse(Malformed, 0, "a text of %d bytes, at most %d are accepted", len(text), enough)
	}
	s, ok := strings.CutPrefix(strings.Join(strings.Fields(string(text)), ""), textPrefix)
	if !ok {
		return refuse(Malformed, 0, "the text of a grant begins with %s", textPrefix)
	}
	b, err := strictBase64.DecodeString(s)
	if err != nil {
		return refuse(Malformed, 0, "the text is not base64url without padding")
	}
	parsed, err := Parse(b)
	if err != nil {
		return err
	}
	*g = *parsed
	return nil
}
