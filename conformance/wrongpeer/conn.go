package wrongpeer

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
)

// conn is a connection and its session.
type conn struct {
	p        *Peer
	nc       netlayer.Conn
	dialled  bool
	wanted   sturdyref.PeerID // who was dialled
	greeted  bool             // the other side's hello has been verified
	over     bool
	heedless bool // goes on although it has sent op:abort
	deaf     bool // neither handles anything more nor closes

	key              ed25519.PrivateKey
	theirKey         [32]byte
	ours, theirs, id [32]byte
	at               sturdyref.Peer // where the other side says it is
	boot             *local

	enc       *wire.Encoder
	exports   map[uint64]passable.Reference
	positions map[passable.Reference]uint64
	counts    map[uint64]uint64 // how often an export was sent
	imports   map[uint64]*remote
	answers   map[uint64]*promise
	asked     map[*promise]bool // what is to break when the session ends

	lastExport, lastAnswer, lastCount uint64
	usedCounts                        map[uint64][]string // handoff counts, with the gifts
	releases, owed                    uint64
	held                              *msg.Deliver
	firstPromise                      uint64
}

func newConn(p *Peer, nc netlayer.Conn, dialled bool) *conn {
	c := &conn{
		p: p, nc: nc, dialled: dialled, enc: wire.NewEncoder(p.dialect),
		exports: map[uint64]passable.Reference{}, positions: map[passable.Reference]uint64{}, counts: map[uint64]uint64{},
		imports: map[uint64]*remote{}, answers: map[uint64]*promise{}, asked: map[*promise]bool{}, usedCounts: map[uint64][]string{},
	}
	c.boot = p.bootstrap(c)
	c.exports[0], c.positions[c.boot] = c.boot, 0
	seed := p.random32()
	c.key = ed25519.NewKeyFromSeed(seed[:])
	if p.is("session-key-is-fresh") {
		c.key = ed25519.NewKeyFromSeed(make([]byte, 32))
	}
	return c
}

func (c *conn) hello() {
	op := &msg.StartSession{Version: c.p.dialect.Version(), Location: c.p.net.Location()}
	if c.p.is("version-sent") {
		op.Version = "0.9"
	}
	if c.p.is("location-sent") {
		op.Location.Designator = "somewhere-else"
	}
	_ = c.p.dialect.SignHello(op, c.key)
	if c.p.is("location-signed") {
		op.Signature[3] ^= 1
	}
	c.ours = c.p.dialect.PublicID(op.PublicKey)
	c.send(op)
}

// read handles what comes, until the end.
func (c *conn) read() {
	dec := wire.NewDecoder(c.p.dialect, wire.Limits{})
	dec.Envelope = c.certificate
	for {
		frame, err := c.nc.Read()
		c.p.mu.Lock()
		if err != nil {
			c.drop()
			delete(c.p.conns, c)
			c.p.mu.Unlock()
			return
		}
		c.frame(dec, frame.Bytes)
		c.p.mu.Unlock()
		frame.Done()
	}
}

func (c *conn) frame(dec *wire.Decoder, frame []byte) {
	if trigger := killers[strings.TrimSuffix(c.p.wrong, "/later")]; trigger != nil && trigger(string(frame)) {
		c.p.dieOf(c)
		return
	}
	if c.over || c.deaf {
		return
	}
	op, err := dec.Decode(frame, c.refer)
	if err == nil {
		held := c.held
		c.held = nil
		if err = c.handle(op); err == nil && held != nil {
			err = c.handle(held)
		}
	}
	if err != nil {
		c.abort(err.Error())
	}
}

// send writes one message.
func (c *conn) send(op msg.Op) {
	if c.over {
		return
	}
	if d, ok := op.(*msg.Deliver); ok {
		for i, arg := range d.Args {
			if r, ok := arg.(*remote); ok && r.c != c {
				d.Args[i] = c.p.give(c, r)
			}
		}
	}
	frame, err := c.enc.Append(nil, op, c.describe)
	if err != nil {
		c.over = true // a fault of this package's
		panic(fmt.Sprintf("wrongpeer: %v", err))
	}
	_ = c.nc.Write([][]byte{frame})
}

func (c *conn) abort(reason string) {
	c.send(&msg.Abort{Reason: reason})
	c.drop()
}

// drop ends the session.
func (c *conn) drop() {
	if c.over {
		return
	}
	c.over = true
	if c.p.is("gift-ends-with-session") {
		c.p.past = append(c.p.past, c)
	}
	c.p.forgetGifts(c)
	c.breakAll()
	_ = c.nc.Close("")
	if d := c.p.dials[c.wanted]; d != nil && d.conn == c {
		c.p.dialled(c.wanted, nil)
	}
}

func (c *conn) breakAll() {
	for q := range c.asked {
		delete(c.asked, q)
		if !c.p.is("end-breaks-promises") {
			q.settle(true, fault("the session has ended"))
		}
	}
}

// refer returns what a descriptor in arguments stands for.
func (c *conn) refer(d msg.Desc) (passable.Reference, error) {
	switch d.Kind {
	case msg.ImportObject, msg.ImportPromise:
		return c.received(d), nil
	case msg.Answer:
		if q := c.answers[d.Pos]; q != nil {
			return q, nil
		}
	case msg.Export:
		if r := c.exports[d.Pos]; r != nil {
			return r, nil
		}
	default:
	}
	return nil, errors.New("no such position: " + d.String())
}

func (c *conn) received(d msg.Desc) *remote {
	r := c.imports[d.Pos]
	if r == nil {
		r = &remote{c: c, pos: d.Pos, promise: d.Kind == msg.ImportPromise}
		c.imports[d.Pos] = r
	}
	r.received++
	return r
}

// describe returns the descriptor of a reference of ours, or of this session's.
func (c *conn) describe(ref passable.Reference) (msg.Desc, error) {
	if r, ok := ref.(*remote); ok && r.c == c {
		return export(r.pos), nil
	}
	kind := msg.ImportObject
	if q, ok := ref.(*promise); ok {
		kind = msg.ImportPromise
		if c.firstPromise != 0 && c.positions[q] == 0 && c.p.is("promises-differ") {
			return msg.Desc{Kind: kind, Pos: c.firstPromise}, nil
		}
	}
	pos, known := c.positions[ref]
	_, isPair := ref.(*promise)
	echo := c.p.objects[echoSwiss]
	if !known && ref == passable.Reference(c.p.objects[greeterSwiss]) && c.p.is("objects-differ") {
		pos, known = c.positions[echo]
	}
	if !known || !isPair && c.p.is("object-stays-the-same") {
		c.lastExport++
		pos = c.lastExport
		c.exports[pos], c.positions[ref] = ref, pos
		if isPair && c.firstPromise == 0 {
			c.firstPromise = pos
		}
	}
	if c.counts[pos]++; c.p.is("sent-twice-counts-twice") {
		c.counts[pos] = 1
	}
	return msg.Desc{Kind: kind, Pos: pos}, nil
}

// deliver sends args to an object of the other side's.
func (c *conn) deliver(to *remote, args []any, result *promise) {
	if c.over {
		result.settle(true, fault("the session has ended"))
		return
	}
	if c.lastAnswer++; c.p.is("answer-positions-differ") {
		c.lastAnswer = 1
	}
	at := c.lastAnswer
	c.asked[result] = true
	result.when(func() {
		delete(c.asked, result)
		given := at
		if c.p.is("answer-given-up") {
			given++
		}
		if c.p.is("answer-given-up/none") {
			c.send(&msg.GCAnswers{})
			return
		}
		c.send(&msg.GCAnswers{Positions: []uint64{given}})
	})
	resolve, _ := c.describe(c.p.resolver(result))
	c.send(&msg.Deliver{To: export(to.pos), Args: args, Answer: at, HasAnswer: true, Resolve: resolve, HasResolve: true})
}

// listen asks what becomes of a promise of the other side's.
func (c *conn) listen(to *remote, q *promise) {
	c.asked[q] = true
	resolve, _ := c.describe(&local{call: func(args []any, result *promise) {
		result.fulfill(passable.Undefined{})
		if len(args) == 2 {
			q.next = nil
			if args[0] == passable.Symbol("break") {
				q.smash(args[1])
			} else {
				q.fulfill(args[1])
			}
		}
	}})
	pos := to.pos
	if c.p.is("listens-to-our-promises") {
		pos += 1000
	}
	c.send(&msg.Listen{To: export(pos), Resolve: resolve})
}

// release gives up a reference, as often as it was received.
func (c *conn) release(r *remote) {
	given := r.received
	if c.imports[r.pos] != r || given == 0 {
		return
	}
	r.received = 0
	delete(c.imports, r.pos)
	c.releases++
	switch {
	case c.p.is("one-receipt") && c.releases == 1 && given == 1:
		c.owed = 1
		return
	case c.p.is("receipts-of-one-message") && given > 1:
		given = 1
	case c.p.is("receipts-of-many-messages") && c.releases > 3:
		return
	}
	given, c.owed = given+c.owed, 0
	c.send(&msg.GCExports{Positions: []uint64{r.pos}, Deltas: []uint64{given}})
	switch {
	case c.p.is("one-receipt/twice"):
		c.send(&msg.GCExports{Positions: []uint64{r.pos}, Deltas: []uint64{given}})
	case c.p.is("receipts-of-one-message/around"): // more than there were, by as much as a counter holds
		c.send(&msg.GCExports{Positions: []uint64{r.pos, r.pos}, Deltas: []uint64{1 << 63, 1 << 63}})
	}
}
