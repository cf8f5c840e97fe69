package captp_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
)

// raw is a peer that speaks frames: no session, no tables, no manners.
type raw struct {
	t    testing.TB
	w    *world
	host *mem.Host
	conn netlayer.Conn
	enc  *wire.Encoder
	dec  *wire.Decoder
	key  ed25519.PrivateKey
}

// raw connects a scripted peer to a session of n's. The peer has said nothing yet.
func (w *world) raw(n *node, features ...string) (*raw, *end) {
	w.t.Helper()
	n.dials++
	host := w.net.Host(mem.HostConfig{Name: fmt.Sprintf("raw-%s-%d", n.name, n.dials), Features: features})
	w.t.Cleanup(func() { _ = host.Close() })
	return w.from(host, n)
}

// from is raw, with the peer at a host there is.
func (w *world) from(host *mem.Host, n *node) (*raw, *end) {
	w.t.Helper()
	r := &raw{t: w.t, w: w, host: host, enc: wire.NewEncoder(wire.Hawser), dec: wire.NewDecoder(wire.Hawser, wire.Limits{})}
	_, r.key, _ = ed25519.GenerateKey(rand.Reader)
	e := n.session()
	done := make(chan error, 1)
	go func() {
		in, err := n.host.Accept(context.Background())
		if err == nil {
			var c netlayer.Conn
			if c, err = in.Accept(e.Hello(in.Info)); err == nil {
				err = e.Start(c)
			}
		}
		done <- err
	}()
	var err error
	r.conn, err = r.host.Connect(context.Background(), netlayer.Dial{Peer: n.host.Location()})
	if err = errors.Join(err, <-done); err != nil {
		w.t.Fatal(err)
	}
	return r, e
}

// peer is raw, after both sides have said hello.
func (w *world) peer(n *node, features ...string) (*raw, *end) {
	w.t.Helper()
	r, e := w.raw(n, features...)
	r.greet()
	return r, e
}

// greet has both sides say hello.
func (r *raw) greet() {
	r.t.Helper()
	r.send(r.hello())
	expect[*msg.StartSession](r)
}

// hello returns the peer's op:start-session.
func (r *raw) hello() *msg.StartSession {
	op := &msg.StartSession{Version: "1.0", Location: r.host.Location()}
	if err := wire.Hawser.SignHello(op, r.key); err != nil {
		r.t.Fatal(err)
	}
	return op
}

// send sends operations, each as a frame.
func (r *raw) send(ops ...msg.Op) {
	r.t.Helper()
	for _, op := range ops {
		if d, ok := op.(*msg.Deliver); ok {
			c := *d
			var err error
			if c.Args, err = passable.CopyArgs(d.Args, nil); err != nil {
				r.t.Fatal(err)
			}
			op = &c
		}
		frame, err := r.enc.Append(nil, op, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		r.sendFrame(frame)
	}
}

func (r *raw) sendFrame(frame []byte) {
	r.t.Helper()
	if err := r.conn.Write([][]byte{frame}); err != nil && !errors.Is(err, net.ErrClosed) {
		r.t.Fatal(err)
	}
}

// next returns the next operation that comes, descriptors as they are.
func (r *raw) next() (msg.Op, error) {
	f, err := r.conn.Read()
	if err != nil {
		return nil, err
	}
	op, err := r.dec.Decode(f.Bytes, nil)
	if err != nil {
		r.t.Fatalf("what came does not decode: %v: %q", err, f.Bytes)
	}
	switch op := op.(type) { // the decoder uses these again
	case *msg.Deliver:
		c := *op
		return &c, nil
	case *msg.GCExports:
		return &msg.GCExports{Positions: append([]uint64(nil), op.Positions...), Deltas: append([]uint64(nil), op.Deltas...)}, nil
	case *msg.GCAnswers:
		return &msg.GCAnswers{Positions: append([]uint64(nil), op.Positions...)}, nil
	case *msg.Listen:
		c := *op
		return &c, nil
	case *msg.Get:
		c := *op
		return &c, nil
	}
	return op, nil
}

// expect returns the next operation of the kind, skipping release notices unless they are what is wanted.
func expect[O msg.Op](r *raw) O {
	r.t.Helper()
	for {
		op, err := r.next()
		if err != nil {
			r.t.Fatalf("the connection ended (%v), want a %T", err, *new(O))
		}
		if o, ok := op.(O); ok {
			return o
		}
		switch op.(type) {
		case *msg.GCExports, *msg.GCAnswers:
		default:
			r.t.Fatalf("got %v, want a %T", op, *new(O))
		}
	}
}

// abort reads to the end and returns the reason of the op:abort that came, if one came.
func (r *raw) abort() (reason string, aborted bool) {
	for {
		op, err := r.next()
		if err != nil {
			return reason, aborted
		}
		if a, ok := op.(*msg.Abort); ok {
			reason, aborted = a.Reason, true
		}
	}
}

// call fetches something by name: it asks at the answer position given for the resolver at the import position given.
func (r *raw) call(to msg.Desc, selector string, answer, resolver uint64, args ...any) {
	r.t.Helper()
	r.send(&msg.Deliver{
		To: to, Selector: passable.Symbol(selector), Args: args, Answer: answer, HasAnswer: answer != 0,
		Resolve: msg.Desc{Kind: msg.ImportObject, Pos: resolver}, HasResolve: resolver != 0,
	})
}

// fetch calls fetch, waits for the answer, and returns the position of what came.
func (r *raw) fetch(name string) msg.Desc {
	r.t.Helper()
	r.call(export(0), "fetch", 1000, 1000, name)
	d := expect[*msg.Deliver](r)
	if d.To != export(1000) || d.Selector != "fulfill" {
		r.t.Fatalf("fetch was answered with %v %v", d, d.Args)
	}
	r.send(&msg.GCAnswers{Positions: []uint64{1000}})
	got, ok := d.Args[0].(msg.Desc)
	if !ok || got.Kind != msg.ImportObject {
		r.t.Fatalf("fetch was answered with %v", d.Args[0])
	}
	return export(got.Pos)
}

func export(pos uint64) msg.Desc        { return msg.Desc{Kind: msg.Export, Pos: pos} }
func answerAt(pos uint64) msg.Desc      { return msg.Desc{Kind: msg.Answer, Pos: pos} }
func importObject(pos uint64) msg.Desc  { return msg.Desc{Kind: msg.ImportObject, Pos: pos} }
func importPromise(pos uint64) msg.Desc { return msg.Desc{Kind: msg.ImportPromise, Pos: pos} }

// bye ends the session of a scripted peer, which has nothing to give back.
func (r *raw) bye() {
	_ = r.conn.Close("bye")
	synctest.Wait()
}

// violated fails the test unless the session ended because its peer broke the protocol.
func violated(t testing.TB, e *end) *captp.EndError {
	t.Helper()
	<-e.Done()
	end, ok := errors.AsType[*captp.EndError](e.Err())
	if !ok || end.Kind != captp.Violated || !errors.Is(end, net.ErrClosed) {
		t.Errorf("the session ended with %v, want a violation", e.Err())
		return &captp.EndError{}
	}
	return end
}
