package conformance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// What a check may read before the messages it waits for.
const (
	mostKept      = 4096
	mostKeptBytes = 16 << 20
)

// line is one connection with the peer and the session on it, if there is one.
type line struct {
	p    *probe
	net  netlayer.Netlayer
	conn netlayer.Conn

	key    ed25519.PrivateKey // ours, of this session
	hello  *msg.StartSession  // the peer's
	ours   [32]byte           // our public identifier
	theirs [32]byte
	id     [32]byte // of the session

	events chan event
	kept   []msg.Op // read while something else was awaited
	size   int      // of what was kept, in bytes on the wire, ever
	ended  string   // why nothing more can come, "" while it can
	broken bool     // because a message could not be read
	deaf   bool     // op:abort does not end the line for us: what follows it counts

	lastImport, lastAnswer uint64
	pairs                  []msg.Desc // promises and resolvers that were made for us
}

// event is a message of the peer, or the reason why there will be no more.
type event struct {
	op   msg.Op
	size int // on the wire
	end  string
	bad  bool // a message could not be read
}

// dial connects party n with the peer; nothing has been said yet.
func (p *probe) dial(n netlayer.Netlayer) *line {
	conn, err := n.Connect(p.ctx, netlayer.Dial{Peer: p.target.Peer})
	switch {
	case err == nil:
	case p.ctx.Err() != nil:
		p.trouble("the peer cannot be dialled: nobody has answered in the time of a check")
	default:
		p.trouble("the peer cannot be dialled: %s", cut(err.Error()))
	}
	return p.line(n, conn)
}

// accept waits until the peer dials party n.
func (p *probe) accept(n netlayer.Netlayer) *line {
	in, err := n.Accept(p.ctx)
	if err != nil {
		p.trouble("the peer did not dial the location it was given: %s", cut(err.Error()))
	}
	conn, err := in.Accept(nil)
	if err != nil {
		p.trouble("the peer's dial came to nothing: %s", cut(err.Error()))
	}
	return p.line(n, conn)
}

// noDial fails if the peer dials party n within the quiet time.
func (p *probe) noDial(n netlayer.Netlayer, why string) {
	ctx, cancel := p.quietly()
	defer cancel()
	if in, err := n.Accept(ctx); err == nil {
		in.Refuse(netlayer.ErrRefused)
		p.trouble("the peer opens another connection, %s", why)
	}
}

func (p *probe) line(n netlayer.Netlayer, conn netlayer.Conn) *line {
	l := &line{p: p, net: n, conn: conn, events: make(chan event, 4)}
	over, cancel := context.WithCancel(p.ctx)
	stop := context.AfterFunc(over, func() { _ = conn.Close("") })
	p.closers = append(p.closers, func() {
		cancel()
		stop()
		_ = conn.Close("the check is over")
	})
	l.newKey()
	p.readers.Go(func() { l.read(over) })
	return l
}

func (l *line) newKey() {
	_, l.key, _ = ed25519.GenerateKey(rand.Reader)
	l.ours = l.p.dialect().PublicID([32]byte(l.key.Public().(ed25519.PublicKey)))
}

// read hands every message of the peer to the check, until the connection ends,
// something cannot be read, or the check is over.
func (l *line) read(over context.Context) {
	dec := wire.NewDecoder(*l.p.cfg.Dialect, wire.Limits{Bytes: netlayer.MaxFrame, Values: 1 << 16})
	for {
		frame, err := l.conn.Read()
		var e event
		if err != nil {
			e.end = "the connection ended: " + cut(err.Error())
		} else {
			var op msg.Op
			op, err = dec.Decode(frame.Bytes, nil)
			l.p.seen.Or(uint32(dec.Seen()))
			if err != nil {
				e.end, e.bad = "a message of the peer cannot be read: "+cut(err.Error()), true
				l.p.bad.CompareAndSwap(nil, &e.end)
			} else {
				e.op, e.size = keep(op), len(frame.Bytes)
			}
			frame.Done()
		}
		select {
		case l.events <- e:
		case <-over.Done():
			return
		}
		if e.end != "" {
			return
		}
	}
}

// keep returns a copy of what the decoder uses again.
func keep(op msg.Op) msg.Op {
	switch op := op.(type) {
	case *msg.Deliver:
		c := *op
		return &c
	case *msg.Listen:
		c := *op
		return &c
	case *msg.Get:
		c := *op
		return &c
	case *msg.Index:
		c := *op
		return &c
	case *msg.Untag:
		c := *op
		return &c
	case *msg.GCExports:
		return &msg.GCExports{Positions: slices.Clone(op.Positions), Deltas: slices.Clone(op.Deltas)}
	case *msg.GCAnswers:
		return &msg.GCAnswers{Positions: slices.Clone(op.Positions)}
	}
	return op
}

// next returns the first message that wanted takes, and keeps the others. It
// returns nil when ctx ends, and when the line has ended.
func (l *line) next(ctx context.Context, wanted func(msg.Op) bool) msg.Op {
	for i, op := range l.kept {
		if wanted(op) {
			l.kept = slices.Delete(l.kept, i, i+1)
			return op
		}
	}
	for l.ended == "" {
		select {
		case e := <-l.events:
			if e.end != "" {
				l.ended, l.broken = e.end, e.bad
				return nil
			}
			if wanted(e.op) {
				return e.op
			}
			if abort, ok := e.op.(*msg.Abort); ok && !l.deaf {
				l.ended = fmt.Sprintf("the peer aborts the session: %s", cut(abort.Reason))
				return nil
			}
			l.size += e.size
			if l.kept = append(l.kept, e.op); len(l.kept) > mostKept || l.size > mostKeptBytes {
				l.ended = "the peer sends more than anybody asked for"
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// await returns the first message that wanted takes, or ends the check; what says
// in the report what was awaited.
func (l *line) await(what string, wanted func(msg.Op) bool) msg.Op {
	op := l.next(l.p.ctx, wanted)
	switch {
	case op != nil:
	case l.broken: // which clause notation-1 is about
		l.p.unmet("no %s: %s", what, l.ended)
	case l.ended != "":
		l.p.trouble("no %s: %s", what, l.ended)
	default:
		l.p.trouble("no %s came in time", what)
	}
	return op
}

// silence fails if a message that unwanted takes comes within the quiet time.
func (l *line) silence(what string, unwanted func(msg.Op) bool) {
	ctx, cancel := l.p.quietly()
	defer cancel()
	l.deaf = true
	if l.next(ctx, unwanted) != nil {
		l.p.trouble("%s", what)
	}
	l.deaf = false
}

// over fails unless the peer ends the session, by op:abort or by closing.
func (l *line) over(why string) {
	if l.ended != "" && !l.broken {
		return
	}
	abort := l.next(l.p.ctx, func(op msg.Op) bool { _, ok := op.(*msg.Abort); return ok })
	if l.broken {
		l.p.unmet("%s", l.ended)
	}
	if abort == nil && l.ended == "" {
		l.p.trouble("the session goes on, %s", why)
	}
	l.ended = "the peer has aborted the session"
}

// send writes operations in the dialect of the time. A connection that has ended
// is found out by what is awaited next.
func (l *line) send(ops ...msg.Op) {
	for _, op := range ops {
		frame, err := wire.NewEncoder(l.p.dialect()).Append(nil, op, nil)
		if err != nil {
			l.p.stop(Unsupported, "%s", cut(err.Error()))
		}
		l.raw(frame)
	}
}

// raw writes bytes as they are.
func (l *line) raw(frame []byte) { _ = l.conn.Write([][]byte{frame}) }

// greeting returns our op:start-session, signed.
func (l *line) greeting() *msg.StartSession {
	op := &msg.StartSession{Version: l.p.dialect().Version(), Location: l.net.Location()}
	if err := l.p.dialect().SignHello(op, l.key); err != nil {
		l.p.unmet("no op:start-session of our own: %s", cut(err.Error()))
	}
	return op
}

// heard waits for the peer's op:start-session and derives the ids.
func (l *line) heard() {
	l.hello = l.await("op:start-session", func(op msg.Op) bool { _, ok := op.(*msg.StartSession); return ok }).(*msg.StartSession)
	d := l.p.dialect()
	l.ours = d.PublicID([32]byte(l.key.Public().(ed25519.PublicKey)))
	l.theirs = d.PublicID(l.hello.PublicKey)
	if l.theirs == l.ours {
		l.p.trouble("the peer sends back our own key")
	}
	l.id = wire.SessionID(l.ours, l.theirs)
}

// greet exchanges op:start-session.
func (l *line) greet() *line {
	l.send(l.greeting())
	l.heard()
	if err := wire.VerifyHello(l.hello); err != nil {
		l.p.unmet("the peer's op:start-session: %s", cut(err.Error()))
	}
	return l
}

// session opens a session of a new party with the peer.
func (p *probe) session() *line { return p.dial(p.party()).greet() }

// sameLocation reports whether two locators name one peer, hints aside.
func sameLocation(a, b sturdyref.Peer) bool {
	return a.Transport == b.Transport && a.Designator == b.Designator
}

// above reports whether public identifier a wins over b.
func above(a, b [32]byte) bool { return bytes.Compare(a[:], b[:]) > 0 }
