package chatroom

import "time"

// Limits bounds what the members of a room can make it keep and do. Nil, and the zero value of each field, mean the
// defaults.
type Limits struct {
	// Members is how many may be in the room (default 64), MembersPerPeer how many of them one peer may bring (8).
	Members, MembersPerPeer int
	// Lines and Bytes are how much the room remembers of what was said (default 100 lines, and 64 KiB of text).
	Lines, Bytes int
	// Behind is how many events a member may lag behind before it is shown out (default 256, at least thrice Members).
	Behind int
	// Patience is how long a member may take to answer (default 30 s).
	Patience time.Duration
	// Burst is how many messages a member may send at once, Rate how many a second in the long run (default 20 and 5).
	Burst, Rate int
}

func (l *Limits) withDefaults() Limits {
	var v Limits
	if l != nil {
		v = *l
	}
	set := func(p *int, def int) {
		if *p <= 0 {
			*p = def
		}
	}
	set(&v.Members, 64)
	set(&v.MembersPerPeer, 8)
	set(&v.Lines, defaultLines)
	set(&v.Bytes, defaultBytes)
	set(&v.Behind, 256)
	set(&v.Burst, 20)
	set(&v.Rate, 5)
	// A newcomer hears of everybody at once, and everybody may leave while it does.
	v.Behind = max(v.Behind, 3*v.Members)
	if v.Patience <= 0 {
		v.Patience = 30 * time.Second
	}
	return v
}

const (
	defaultLines, defaultBytes = 100, 64 << 10
	// MaxText is the length of the longest message, in bytes. What is longer is cut by whoever reads it.
	MaxText = 4096
	// MaxNick is the length of the longest nickname, in characters.
	MaxNick = 24
	// maxUnread is how many messages of one user may wait to be unsealed.
	maxUnread = 32
	// maxJoining is how many seats one peer may be asking for at a time; joinBurst and joinEvery bound how often it asks.
	maxJoining = 4
	joinBurst  = 10
	joinEvery  = 2 * time.Second
	// maxPeers is how many peers a room remembers before it forgets those that are idle.
	maxPeers = 1024
	// maxPresent is how many users of one room a person keeps track of.
	maxPresent = 1024
)

// An allowance bounds how often something may happen: burst times at once, then once in every interval.
type allowance struct {
	left float64
	at   time.Time
}

// take returns what is left of the allowance after one more use, and whether there was one.
func (a allowance) take(now time.Time, burst int, every time.Duration) (allowance, bool) {
	a = a.refilled(now, burst, every)
	if a.left < 1 {
		return a, false
	}
	a.left--
	return a, true
}

func (a allowance) refilled(now time.Time, burst int, every time.Duration) allowance {
	if a.at.IsZero() {
		return allowance{float64(burst), now}
	}
	gained := float64(now.Sub(a.at)) / float64(every)
	return allowance{min(a.left+max(gained, 0), float64(burst)), now}
}
