package home_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

const (
	badArgs  = "hawser.bad-args"
	pending  = "pending"
	whatever = "whatever" // nothing is expected
)

// bazaar is a Home with two gifters and two receivers, and what is to be expected of it.
type bazaar struct {
	t     *testing.T
	net   *mem.Network
	s     *stranger
	e     *party
	g, r  [2]*trader
	gifts map[giftName]*offer
	names int

	nobody sturdyref.Peer // who does not accept
}

// trader is a scripted peer in one session with the Home.
type trader struct {
	*script
	elsewhere ed25519.PrivateKey // its key in the sessions with gifters
	want      map[uint64]string  // what its questions are to come to, by resolver
	came      map[uint64]string
	used      map[uint64]bool  // handoff-counts
	last      *msg.SigEnvelope // that it has redeemed
	given     []keepsake       // what the Home has given it
	ids       []any            // of what it has deposited
	data      uint64           // the position of an answer that is data
}

// keepsake is a certificate that the Home has given.
type keepsake struct {
	id    []byte
	of    *trader
	since time.Time
	want  string // what to relay it comes to
}

type giftName struct {
	gifter *trader
	id     string
}

// offer is a gift, or those who wait for one.
type offer struct {
	comes   string // what a withdrawal comes to
	times   int    // it can be withdrawn; 0 if it is waited for
	waiting []uint64
	by      *trader
}

func (b *bazaar) join(elsewhere ed25519.PrivateKey) *trader {
	b.names++
	host := b.net.Host(mem.HostConfig{Name: fmt.Sprint("trader ", b.names), Features: []string{captp.FeatureRelaysGifts}})
	b.t.Cleanup(func() { _ = host.Close() })
	conn, err := host.Connect(b.t.Context(), netlayer.Dial{Peer: b.e.Location()})
	if err != nil {
		b.t.Fatal(err)
	}
	x := &trader{
		script: speak(b.t, conn, host.Location(), newKey()), elsewhere: elsewhere,
		want: make(map[uint64]string), came: make(map[uint64]string), used: make(map[uint64]bool),
	}
	if x.greeting == nil {
		b.t.Fatal("no greeting")
	}
	return x
}

func (x *trader) receiver() [32]byte { return [32]byte(x.elsewhere.Public().(ed25519.PublicKey)) }

// asks sends a question and notes what is to come of it.
func (x *trader) asks(want, selector string, args ...any) uint64 {
	resolver := x.ask(selector, args...)
	x.want[resolver] = want
	return resolver
}

// answered takes everything that comes until a question is answered, and returns that answer.
func (x *trader) answered(resolver uint64) *msg.Deliver {
	for {
		switch op := x.next().(type) {
		case nil:
			x.t.Fatal("a session has ended")
		case *msg.Abort:
			x.t.Fatalf("a session was ended: %s", op.Reason)
		case *msg.Deliver:
			if op.To.Pos == resolver {
				return op
			}
			x.came[op.To.Pos] = codeOf(op)
		}
	}
}

func codeOf(op *msg.Deliver) string {
	if op.Selector == "fulfill" {
		return ""
	}
	if e, ok := op.Args[0].(passable.Error); ok {
		return e.Code
	}
	return "another error"
}

// check compares what has come with what was to come.
func (x *trader) check() {
	fence := x.ask("challenge") // which is answered at once, behind what was asked before
	x.answered(fence)
	x.data = fence - 100
	for resolver, want := range x.want {
		got, came := x.came[resolver]
		if !came {
			got = pending
		}
		if want != whatever && got != want {
			x.t.Errorf("question %d came to %q, want %q", resolver-100, got, want)
		}
		if came {
			delete(x.want, resolver)
			delete(x.came, resolver)
		}
	}
}

// nameOf is how the exporter knows a gift-id.
func nameOf(id any) (string, bool) {
	name := fmt.Sprintf("%T %v", id, id)
	switch id := id.(type) {
	case []byte:
		name = string(id)
	case string, int64:
	default:
		return "", false
	}
	return name, len(name) <= 256
}

// id returns the id of a gift: a good one, one that was used, or anything.
func (b *bazaar) id(g *trader) any {
	switch k := b.s.byte(); {
	case k < 160:
		return giftID(k % 4)
	case k < 210 && len(g.ids) > 0:
		return g.ids[k%len(g.ids)]
	case k < 220:
		return bytes.Repeat([]byte{byte(k)}, 250+k%20)
	}
	return normal(b.t, b.s.value(2))
}

// normal is a value as it comes out at the other end.
func normal(t *testing.T, v any) any {
	args, err := passable.CopyArgs([]any{v}, func(r passable.Reference) (passable.Reference, error) { return r, nil })
	if err != nil {
		t.Fatal(err)
	}
	return args[0]
}

// deposit has a gifter deposit something.
func (b *bazaar) deposit() {
	g := b.g[b.s.byte()%2]
	id := b.id(g)
	name, ok := nameOf(id)
	comes, want := "", ""
	var gift any
	switch k := b.s.byte() % 12; k {
	case 0, 1, 2, 3:
		gift = something
	case 4, 5:
		gift = msg.Desc{Kind: msg.ImportObject, Pos: uint64(1 + b.s.byte()%9)}
	case 6:
		gift, comes = msg.Desc{Kind: msg.ImportPromise, Pos: uint64(10 + b.s.byte()%9)}, pending
	case 7:
		if gift = something; g.data != 0 {
			gift = msg.Desc{Kind: msg.Answer, Pos: g.data}
		}
	case 8, 9: // what somebody else gives the Home
		gift, comes = b.toTheHome(g), whatever
	case 10:
		gift, ok = nil, false
	default:
		gift, ok = int64(b.s.byte()), false
	}
	args := []any{id, gift}
	switch b.s.byte() % 16 {
	case 0:
		args, ok = args[:1], false
	case 1:
		args, ok = append(args, nil), false
	}
	if !ok {
		want = badArgs
	}
	g.asks(want, "deposit-gift", args...)
	g.check()
	if !ok {
		return
	}
	g.ids = append(g.ids, id)
	o := b.gifts[giftName{g, name}]
	switch {
	case o == nil:
		b.gifts[giftName{g, name}] = &offer{comes: comes, times: 1}
		return
	case o.times > 0:
		o.comes = comes
		o.times++
		return
	}
	delete(b.gifts, giftName{g, name})
	for _, resolver := range o.waiting {
		o.by.want[resolver] = comes
	}
}

// toTheHome is a certificate for the Home, of a gift that is nowhere, or at the Home itself.
func (b *bazaar) toTheHome(g *trader) *msg.SigEnvelope {
	at := b.e.Location()
	if b.s.byte()%2 == 0 {
		at = b.nobody
	}
	env := g.give(g.greeting.PublicKey, at, append([]byte("for the Home "), byte(b.s.byte())), nil)
	if b.s.byte()%4 == 0 {
		env = forged(env, b.s.byte())
	}
	return env
}

func forged(env *msg.SigEnvelope, at int) *msg.SigEnvelope {
	c := *env
	c.Signature[at%64] ^= 1
	return &c
}

// withdraw has a receiver redeem something.
func (b *bazaar) withdraw() {
	r, g := b.r[b.s.byte()%2], b.g[b.s.byte()%2]
	if b.s.byte()%8 == 0 {
		args := []any{normal(b.t, b.s.value(2)), b.toTheHome(g)}[b.s.byte()%3%2:]
		r.asks(badArgs, "withdraw-gift", args[:1+b.s.byte()%len(args)]...)
		r.check()
		return
	}
	id := b.id(g)
	name, ok := nameOf(id)
	if name == "" && !ok {
		id, name, ok = giftID(0), string(giftID(0)), true // no certificate can be written for it
	}
	at := b.e.Location()
	count := uint64(b.s.byte() % 32)
	key, by := r.elsewhere, g
	var giveChange func(*msg.HandoffGive)
	var receiveChange func(*msg.HandoffReceive)
	spoilGive, spoilReceive, replayed := false, false, false
	switch b.s.byte() % 16 {
	case 0:
		spoilGive, ok = true, false
	case 1:
		spoilReceive, ok = true, false
	case 2:
		key, ok = newKey(), false
	case 3:
		receiveChange, ok = func(h *msg.HandoffReceive) { h.Session[b.s.byte()%32] ^= 1 }, false
	case 4:
		receiveChange, ok = func(h *msg.HandoffReceive) { h.Side = r.theirs() }, false
	case 5: // signed by who is not the gifter
		by, ok = r, false
		giveChange = func(h *msg.HandoffGive) { h.Session, h.GifterSide = g.id(), g.ours() }
	case 6:
		giveChange, ok = func(h *msg.HandoffGive) { h.GifterSide = g.theirs() }, false
	case 7:
		giveChange, ok = func(h *msg.HandoffGive) { h.ReceiverKey = g.public() }, false
	case 8: // of another's session
		giveChange, ok = func(h *msg.HandoffGive) { h.Session = r.id() }, false
	case 9:
		count = ^uint64(b.s.byte() % 2)
	case 10: // a large one
		at = at.Clone()
		for i := range 40 {
			at.Hints[fmt.Sprint("hint ", i)] = string(bytes.Repeat([]byte("x"), 2000))
		}
	case 11:
		replayed = r.last != nil
	}
	give := by.give(r.receiver(), at, id, giveChange)
	if spoilGive {
		give = forged(give, b.s.byte())
	}
	env := r.receive(key, count, give, receiveChange)
	if spoilReceive {
		env = forged(env, b.s.byte())
	}
	if replayed {
		env, ok = r.last, false
	}
	if !ok || r.used[count] {
		r.asks(refusedGift, "withdraw-gift", env)
		r.check()
		return
	}
	r.used[count], r.last = true, env
	o := b.gifts[giftName{g, name}]
	switch {
	case o == nil:
		b.gifts[giftName{g, name}] = &offer{by: r, waiting: []uint64{r.asks(pending, "withdraw-gift", env)}}
	case o.times > 0:
		if o.times--; o.times == 0 {
			delete(b.gifts, giftName{g, name})
		}
		r.asks(o.comes, "withdraw-gift", env)
	case o.by == r:
		o.waiting = append(o.waiting, r.asks(pending, "withdraw-gift", env))
	default:
		r.asks(refusedGift, "withdraw-gift", env)
	}
	r.check()
}

// given has the Home hand a gifter's object to a receiver.
func (b *bazaar) given() {
	g, r := b.g[b.s.byte()%2], b.r[b.s.byte()%2]
	for _, x := range []*trader{g, r} {
		comesTo(b.t, "fetched", "", codeOf(x.answered(x.ask("fetch", []byte("pocket")))))
	}
	g.send(&msg.Deliver{
		To: msg.Desc{Kind: msg.Answer, Pos: g.answers}, Selector: "put", Args: []any{msg.Desc{Kind: msg.ImportObject, Pos: uint64(20 + b.s.byte()%4)}},
	})
	time.Sleep(time.Second)
	r.answers++
	resolver := msg.Desc{Kind: msg.ImportObject, Pos: 100 + r.answers}
	r.send(&msg.Deliver{To: msg.Desc{Kind: msg.Answer, Pos: r.answers - 1}, Selector: "get", Resolve: resolver, HasResolve: true})
	op := r.answered(resolver.Pos)
	env, certificate := op.Args[0].(*msg.SigEnvelope)
	switch {
	case op.Selector != "fulfill":
		b.t.Errorf("the Home gives %v %v", op.Selector, op.Args)
	case certificate:
		id := env.Signed.(*msg.HandoffGive).GiftID.([]byte)
		r.given = slices.DeleteFunc(r.given, func(x keepsake) bool { return bytes.Equal(x.id, id) })
		r.given = append(r.given, keepsake{id: id, of: g, since: time.Now()})
	}
}

// relay has a receiver ask for something to come by way of the Home.
func (b *bazaar) relay() {
	x := append(b.g[:], b.r[:]...)[b.s.byte()%4]
	var arg any
	if k := b.s.byte(); k < 128 && len(x.given) > 0 {
		arg = x.given[k%len(x.given)].id
	} else {
		arg = normal(b.t, b.s.value(2))
	}
	want := badArgs
	switch id := arg.(type) {
	case []byte:
		want = refusedGift
		if i := slices.IndexFunc(x.given, func(x keepsake) bool { return bytes.Equal(x.id, id) }); i >= 0 {
			want = x.given[i].want
			if time.Since(x.given[i].since) > 50*time.Second {
				want = whatever // about to be forgotten
			}
			x.given[i].want = refusedGift
		}
	case nil, passable.Undefined:
		want = whatever
	}
	x.asks(want, "relay-gift", arg)
	x.check()
}

// vandal sends a certificate that is not even one. It comes to nothing, or the session ends.
func (b *bazaar) vandal() {
	v := b.join(newKey())
	defer v.hangUp()
	good := v.receive(v.elsewhere, 0, b.g[0].give(v.receiver(), b.e.Location(), giftID(0), nil), nil)
	env := *good
	env.Encoded = bytes.Clone(good.Encoded)
	for range 1 + b.s.byte()%4 {
		by := byte(b.s.byte())
		env.Encoded[(b.s.byte()*256+b.s.byte())%len(env.Encoded)] ^= by
	}
	if bytes.Equal(env.Encoded, good.Encoded) {
		return
	}
	if got := v.settled(v.ask("withdraw-gift", &env)); got == "" {
		b.t.Error("a certificate that was changed is taken")
	}
}

// again has one of them lose its session and come again.
func (b *bazaar) again() {
	k := b.s.byte() % 4
	x := append(b.g[:], b.r[:]...)[k]
	x.hangUp()
	time.Sleep(time.Second)
	for _, r := range append(b.g[:], b.r[:]...) {
		for i := range r.given {
			if r.given[i].of == x && r.given[i].want == "" {
				r.given[i].want = "hawser.session-ended"
			}
		}
	}
	for name, o := range b.gifts {
		switch {
		case name.gifter == x:
			for _, resolver := range o.waiting {
				o.by.want[resolver] = refusedGift
			}
			delete(b.gifts, name)
		case o.by == x:
			delete(b.gifts, name)
		}
	}
	for _, r := range b.r {
		for resolver, want := range r.want {
			if want == pending && !b.waits(r, resolver) {
				r.want[resolver] = whatever // a gifter's promise
			}
		}
	}
	if k < 2 {
		b.g[k] = b.join(x.elsewhere)
	} else {
		b.r[k-2] = b.join(x.elsewhere)
	}
}

func (b *bazaar) waits(r *trader, resolver uint64) bool {
	for _, o := range b.gifts {
		if o.by == r && slices.Contains(o.waiting, resolver) {
			return true
		}
	}
	return false
}

// late lets so much time pass that gifts are over.
func (b *bazaar) late() {
	time.Sleep(11 * time.Minute)
	for _, o := range b.gifts {
		for _, resolver := range o.waiting {
			o.by.want[resolver] = refusedGift
		}
	}
	clear(b.gifts)
	for _, r := range b.r {
		for i := range r.given {
			r.given[i].want = refusedGift
		}
	}
}

// FuzzHandoffs has gifters and receivers say anything to the bootstrap object that has to do with handoffs: certificates
// that are good, forged, somebody else's, used before, or very large, and what is none. A gift is had by who was given
// it, once, and by nobody else; no session ends; nothing is left.
func FuzzHandoffs(f *testing.F) {
	f.Add([]byte{})
	// step, then: deposit: gifter id gift args; withdraw: receiver gifter kind id count change
	f.Add([]byte("\x00\x00\x00\x00\x05\x03\x00\x00\x01\x00\x01\x0f\x03\x00\x00\x01\x00\x01\x0f\x03\x00\x00\x01\x00\x02\x0f"))                                                             // once, a count used twice, asked for again
	f.Add([]byte("\x03\x00\x00\x01\x00\x01\x0f\x03\x01\x00\x01\x00\x01\x0f\x03\x00\x00\x01\x00\x02\x0f\x00\x00\x00\x00\x05"))                                                             // waited for, by two
	f.Add([]byte("\x00\x00\x01\x04\x01\x05\x03\x00\x00\x01\x01\x03\x00\x00\x03\x00\x00\x01\x01\x03\x01\x00\x09"))                                                                         // forged
	f.Add([]byte("\x00\x01\x01\x00\x05\x03\x01\x01\x01\x01\x03\x0a\x03\x01\x01\x01\x01\x04\x0b\x03\x01\x01\x01\x01\x05\x09\x00"))                                                         // large, replayed, a high count
	f.Add([]byte("\x06\x00\x00\x01\x07\x02\x00\x07\x02\x00\x07\x03\x80\x07\x09abcdefghi\x06\x00\x00\x01"))                                                                                // relayed
	f.Add([]byte("\x03\x00\x00\x01\x00\x01\x0f\x09\x00\x03\x01\x01\x01\x01\x01\x0f\x0a\x03\x01\x01\x01\x01\x02\x0f\x09\x02"))                                                             // lost, late
	f.Add([]byte("\x08\x01\x01\x00\x40\x08\x02\xff\x00\xff\x10\x01\x20\x00\x01\x01\x08\x05\x05\x00\x00\x00\x06\x05\x00\x05\x05"))                                                         // vandals, promises
	f.Add([]byte("\x00\x00\x00\x08\x01\x01\x01\x0f\x00\x00\x01\x09\x00\x02\x01\x0f\x03\x00\x00\x01\x00\x00\x0f\x03\x00\x00\x01\x01\x01\x0f\x03\x00\x00\x00\x01\x00\x03\x01\x00\x09\x00")) // given to the Home
	f.Add([]byte("\x00\x00\xd7\x00\x05\x00\x00\xda\x00\x05\x03\x00\x00\x01\xd7\x00\x0f"))                                                                                                 // long ids
	f.Add([]byte("\x03\x00\x00\x01\x00\x00\x0f\x09\x02\x00\x00\x00\x00\x05\x03\x01\x00\x01\x00\x00\x0f"))                                                                                 // who waited is gone
	f.Add([]byte("\x06\x00\x00\x01\x09\x00\x07\x02\x00\x07\x02\x00"))                                                                                                                     // relayed when the gifter is gone
	spoilt := []byte("\x00\x00\x00\x00\x05\x00\x00\x00\x00\x05")
	for change := range byte(16) {
		spoilt = append(spoilt, "\x03\x00\x00\x01\x00"...)
		spoilt = append(spoilt, change, change)
		if change == 0 || change == 1 || change == 3 || change == 9 {
			spoilt = append(spoilt, 0)
		}
	}
	f.Add(spoilt)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<10 {
			return
		}
		scene(t, func(t *testing.T, n *mem.Network) { trade(t, n, in) })
	})
}

func trade(t *testing.T, n *mem.Network, in []byte) {
	b := &bazaar{t: t, net: n, e: join(t, n, "e", identity(t), nil), gifts: make(map[giftName]*offer)}
	defer b.e.leave()
	obj, err := vat.Do(t.Context(), b.e.vat, func(ctx context.Context) (vat.Ref, error) { return pocketFacet.Spawn(ctx, &keep{}), nil })
	if err == nil {
		_, err = b.e.PublishAs(t.Context(), "pocket", sturdyref.SwissNumOf([]byte("pocket")), obj)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		b.g[i], b.r[i] = b.join(nil), b.join(newKey())
	}
	b.s = &stranger{in: in, secrets: [][]byte{giftID(0), giftID(1), []byte("pocket")}, ref: something}
	b.nobody = n.Host(mem.HostConfig{Name: "nobody"}).Location()
	vandals := 0
	for range 40 {
		if len(b.s.in) == 0 {
			break
		}
		switch b.s.byte() % 11 {
		case 0, 1, 2:
			b.deposit()
		case 3, 4, 5:
			b.withdraw()
		case 6:
			b.given()
		case 7:
			b.relay()
		case 8:
			if vandals++; vandals < 4 {
				b.vandal()
			}
		case 9:
			b.again()
		case 10:
			b.late()
		}
		time.Sleep(time.Second)
		for _, r := range b.r {
			r.check()
		}
	}
	all := append(b.g[:], b.r[:]...)
	for _, x := range all {
		x.check()
	}
	for _, x := range all {
		x.hangUp()
	}
	time.Sleep(time.Second)
	if n := b.e.Gifts(); n != 0 {
		t.Errorf("%d gifts are left without their sessions", n)
	}
	time.Sleep(11 * time.Minute)
	if _, links, dials, _ := b.e.Left(); links != 0 || dials != 0 {
		t.Errorf("left: %d sessions, %d dials", links, dials)
	}
	last := b.join(nil)
	comesTo(t, "after all that", "", last.settled(last.ask("fetch", []byte("pocket"))))
	last.hangUp()
}
