package grant

import "time"

// vacuous returns why no call can ever be within all links of g, or "". It sees what is plain; what it misses is
// still refused call by call.
func (g *Grant) vacuous() string {
	var begin time.Time
	for i := range g.links {
		if t := g.links[i].NotBefore; t.After(begin) {
			begin = t
		}
	}
	if !begin.Before(g.Expires()) {
		return "one link begins when another has expired"
	}
	if methods, limited := g.methods(); limited && len(methods) == 0 {
		return "no method is in every link"
	}
	var caveats []Caveat
	for i := range g.links {
		caveats = append(caveats, g.links[i].Caveats...)
	}
	for i, c := range caveats {
		for _, d := range caveats[i+1:] {
			if exclude(c, d) || exclude(d, c) {
				return c.String() + ", and " + d.String()
			}
		}
	}
	return ""
}

// methods returns the methods that are in every link, in order, and whether any link has a list.
func (g *Grant) methods() (all []string, limited bool) {
	for i := range g.links {
		list := g.links[i].Methods
		if list == nil {
			continue
		}
		if !limited {
			all, limited = list, true
			continue
		}
		var both []string
		for _, m := range all {
			if g.links[i].allows(m) {
				both = append(both, m)
			}
		}
		all = both
	}
	return all, limited
}

// exclude reports whether no call meets both caveats. It is to be asked both ways round.
func exclude(c, d Caveat) bool {
	switch {
	case c.kind == seqWindow && d.kind == seqWindow:
		return c.b < d.a
	case c.kind == seqWindow && d.kind == liveOnly:
		return true
	case c.a != d.a:
		return false
	case c.kind == argEquals && d.kind == argEquals:
		return c.text != d.text
	case c.kind == argPrefix && d.kind == argPrefix:
		return !below(c.text, d.text) && !below(d.text, c.text)
	case c.kind == argEquals && d.kind == argPrefix:
		return !encodesPathBelow(c.text, d.text)
	}
	return false
}
