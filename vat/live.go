package vat

import (
	"runtime"
	"slices"
	"sync"
)

// A Live is what stands behind a live reference: one that outlasts the references it leads to, which are had one after the
// other, to the same object, say, over sessions that end. Who manages it says when what it leads to is lost, and what takes
// its place; messages sent meanwhile wait. All methods may be called from any goroutine and never block.
//
// Order: messages that one vat sends on the reference never reach what it leads to next before the vat has been told, by a
// turn of its own, that the last was lost. What was sent before that turn, and has not gone out, breaks with the reason of
// the loss, wherever it was on its way: on a promise, say, or behind a caretaker. A vat that has sent nothing to what was
// lost need not be told. What a peer sends by way of one thing that it was given — a caretaker, a promise — goes to what the
// first of these messages went to, and breaks once that is lost: a peer cannot be told. Nor can code outside turns: what it
// sends goes to what there is when it is sent.
type Live struct {
	room int
	key  []byte

	mu       sync.Mutex
	age      uint64 // how many have been lost
	here     bool   // there is one
	now      *Vow   // for what there is, or will be
	lost     error  // why the last was lost
	over     error  // why there will be no more
	waiting  int
	held     *front // while messages wait, or somebody waits for the next
	senders  map[sender]standing
	pruneAt  int
	watchers []*severWatch
}

// standing is what became of a sender's messages.
type standing struct {
	age  uint64 // they went to what there was at that age
	news uint64 // the vat must have been told this before they go elsewhere
}

// front is the target of a live reference. While nobody holds it, and nothing waits, nobody needs what is behind it.
type front struct {
	node
	l *Live
}

// NewLive returns what stands behind a new live reference, and the reference. room is how many messages may wait at a time for
// what it leads to; beyond it they are refused with ErrOverloaded. It is the reference that is in use or not: the Live itself
// keeps it in use only while something waits. If key is not empty durable objects may keep the reference: after a restart it is
// what [Outside] has for the key. What they send there is not stored beyond the turn that sends it.
func NewLive(room int, key []byte) (*Live, Ref) {
	l := &Live{room: room, key: key, now: NewVow(nil), senders: make(map[sender]standing)}
	f := &front{l: l}
	f.target = f
	return l, Ref{&f.node}
}

// Restore has the reference lead to r from now on, where what waits goes first. It has no effect while it leads somewhere.
func (l *Live) Restore(r Ref) {
	l.mu.Lock()
	if l.here || l.over != nil {
		l.mu.Unlock()
		return
	}
	l.here = true
	w, held := l.now, l.held
	l.held = nil
	if l.age > 0 {
		for _, x := range l.watchers {
			if x.restored {
				x.home.Enqueue(&severance{w: x})
			}
		}
	}
	l.mu.Unlock()
	w.Resolve(r)
	runtime.KeepAlive(held)
}

// Sever says that what the reference leads to is lost, when everything that went there has broken. It has no effect while it
// leads nowhere.
func (l *Live) Sever(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.here || l.over != nil {
		return
	}
	l.here, l.lost, l.now = false, reason, NewVow(nil)
	jobs := make(map[*Vat][]told)
	for _, x := range l.watchers {
		if !x.restored {
			jobs[x.vat] = append(jobs[x.vat], x.news(reason))
		}
	}
	concerned := make(map[*Vat]sender)
	for s, st := range l.senders {
		if s.vat == nil || st.age != l.age {
			continue
		}
		if v := s.vat.vat.Value(); v != nil {
			concerned[v] = s
			jobs[v] = append(jobs[v], []told(nil)...)
		} else {
			delete(l.senders, s)
		}
	}
	for v, list := range jobs {
		n, ok := v.tell(list)
		s, sent := concerned[v]
		switch {
		case !sent:
		case ok:
			l.senders[s] = standing{l.age, n}
		default:
			delete(l.senders, s)
		}
		if !ok {
			l.watchers = slices.DeleteFunc(l.watchers, func(x *severWatch) bool { return x.vat == v })
		}
	}
	l.age++
}

// End says that the reference will lead nowhere any more: everything sent to it from now on, and what waits, breaks with err.
func (l *Live) End(err error) {
	l.mu.Lock()
	if l.over != nil {
		l.mu.Unlock()
		return
	}
	l.over = err
	w, held, watchers := l.now, l.held, l.watchers
	if l.here {
		w = NewVow(nil)
		l.now, l.here = w, false
	}
	l.held, l.watchers, l.senders = nil, nil, nil
	l.mu.Unlock()
	w.Break(err)
	for _, x := range watchers {
		if x.restored {
			x.end()
		} else {
			x.fire(err)
		}
	}
	runtime.KeepAlive(held)
}

// Waiting returns how many messages wait.
func (l *Live) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}

// Deliver implements Target.
func (f *front) Deliver(m Message) {
	w, err := f.l.admit(f, &m)
	if err != nil {
		m.Refuse(err)
		return
	}
	hand(nil, w, &m)
	runtime.KeepAlive(f)
}

// String describes the target for logs.
func (*front) String() string { return "live" }

// admit returns where a message goes, or why it goes nowhere.
func (l *Live) admit(f *front, m *Message) (*Vow, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over != nil {
		return nil, l.over
	}
	if m.told != nil || m.From != nil {
		if err := l.stands(m); err != nil {
			return nil, err
		}
	}
	if l.here {
		return l.now, nil
	}
	if m.Reserved == nil {
		l.waiting++ // it was let in when it need not have waited
		m.Reserved = (*waitingRoom)(l)
	}
	l.held = f
	return l.now, nil
}

// stands says why a message must not go to what there is now, or will be, nil if it may. Called with mu held.
func (l *Live) stands(m *Message) error {
	s := senderOf(m)
	st, known := l.senders[s]
	switch {
	case !known:
	case m.told != nil && m.told.n < st.news, m.told == nil && st.age != l.age:
		return l.lost
	case st.age == l.age:
		return nil
	}
	if len(l.senders) >= l.pruneAt {
		for s := range l.senders {
			if s.gone() {
				delete(l.senders, s)
			}
		}
		l.pruneAt = max(64, 2*len(l.senders))
	}
	l.senders[s] = standing{l.age, st.news}
	return nil
}

// Budget implements Budgeted: what counts is the room of the session that the reference leads into or, while there is none,
// its own.
func (f *front) Budget() Budget {
	l := f.l
	l.mu.Lock()
	w, here, over := l.now, l.here, l.over
	l.mu.Unlock()
	switch {
	case over != nil:
		return nil
	case !here:
		return (*waitingRoom)(l)
	}
	if t, ok := Ahead(w.Ref()).(Budgeted); ok {
		return t.Budget()
	}
	return nil
}

// waitingRoom is the room for messages that wait.
type waitingRoom Live

// Reserve implements Budget.
func (r *waitingRoom) Reserve(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting+n > r.room {
		return ErrOverloaded.because("%d messages wait for an object that is not reached", r.waiting)
	}
	r.waiting += n
	return nil
}

// Release implements Budget.
func (r *waitingRoom) Release(n int) {
	r.mu.Lock()
	r.waiting -= n
	r.mu.Unlock()
}

// Present returns the ordinary reference that a live reference leads to now, or a promise for the next one; any other
// reference as it is. It breaks when that is lost, and stays broken.
func Present(r Ref) Ref {
	f, ok := r.Target().(*front)
	if !ok {
		return r
	}
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	return f.present()
}

// present is called with the Live's mu held.
func (f *front) present() Ref {
	l := f.l
	if !l.here && l.over == nil {
		l.held = f
	}
	return settledRef(l.now.Ref())
}

// PresentTo is Present for a peer that is told what via, a promise that it was given, has become: it may have sent messages
// down that promise already, and then gets what they went to, or an error if that has been lost.
func PresentTo(r Ref, from *Caller, via Ref) (Ref, error) {
	f, ok := r.Target().(*front)
	if !ok {
		return r, nil
	}
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	if f.l.over == nil {
		if err := f.l.stands(&Message{From: from, via: via.n}); err != nil {
			return Ref{}, err
		}
	}
	return f.present(), nil
}

// watch has w told of what happens from now on, and if the reference was severed before. The reference is in use until the
// watch is over.
func (f *front) watch(w *severWatch) {
	l := f.l
	l.mu.Lock()
	w.live = f
	over := l.over
	if over == nil {
		l.watchers = append(l.watchers, w)
		if !w.restored && !l.here && l.age > 0 {
			w.home.Enqueue(&severance{w, l.lost})
		}
	}
	l.mu.Unlock()
	if over != nil {
		if w.restored {
			w.end()
		} else {
			w.fire(over)
		}
		return
	}
	w.hold(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.watchers = slices.DeleteFunc(l.watchers, func(x *severWatch) bool { return x == w })
	})
}
