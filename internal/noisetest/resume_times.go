package noisetest

import (
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
)

// ResumeTimes is the test of who says nothing, at each step and at either end. It belongs into a bubble of virtual time,
// with trips on the network that take much less than a second.
func (c Carrier) ResumeTimes(t *testing.T) {
	took := func(what string, begin time.Time, want time.Duration) {
		t.Helper()
		if took := time.Since(begin); took < want-time.Second || took > want+time.Second {
			t.Errorf("%s: it took %v, want %v", what, took, want)
		}
	}
	const handshake, decision = 5 * time.Second, 10 * time.Second // of the pages, "here"
	to := c.host(t, features...)
	for name, first := range map[string][]byte{"nothing": nil, "the kind": {1}, "a length": {1, 0, 97}, "half a message": append([]byte{1, 0, 97}, make([]byte, 96)...)} {
		w := c.Dial(t, to)
		begin := time.Now()
		w.Send(first)
		RefusedAtOnce(t, w, name)
		took(name, begin, handshake)
	}
	for name, part := range map[string]int{"no confirmation": 0, "half a confirmation": 100} {
		w := c.Dial(t, to)
		begin := time.Now()
		r := c.Hello(t, w, FreshKey(), to.static)
		r.Send(WithLength(r.Out.Seal(Confirm(nil)))[:part])
		r.Refused(t, name)
		took(name, begin, handshake)
	}
	// Nobody takes the dialler from the netlayer, and then somebody does who does not decide.
	from := c.Open(t, freshIdentity(t), features, nil)
	begin := time.Now()
	fails(t, from, to.dial([]byte("x")), netlayer.ErrRefused)
	took("nobody accepts", begin, decision)
	idle := make(chan *netlayer.Incoming, 1)
	infos := decide(t, to, func(in *netlayer.Incoming) { idle <- in })
	begin = time.Now()
	fails(t, from, to.dial([]byte("x")), netlayer.ErrRefused)
	took("nobody decides", begin, decision)
	if conn, err := (<-idle).Accept([][]byte{nil}); err == nil || conn != nil {
		t.Errorf("accepted too late: %v", conn)
	}
	if len(infos()) != 1 {
		t.Errorf("%d were announced", len(infos()))
	}
	// Acceptors that say nothing.
	k := freshIdentity(t)
	own := SecretsOf(t, k)
	d := netlayer.Dial{Peer: k.Public().Peer(), Resume: []byte("x")}
	d.Peer.Hints = c.Serve(t, func(w Wire) { w.Rest() })
	begin = time.Now()
	fails(t, from, d, netlayer.ErrUnreachable)
	took("no second message", begin, handshake)
	d.Peer.Hints = c.Serve(t, func(w Wire) {
		if r, _ := c.Acceptor(t, w, own.Static, make([]byte, 32), unchanged); r != nil {
			w.Rest()
		}
	})
	begin = time.Now()
	fails(t, from, d, netlayer.ErrUnreachable)
	took("no verdict", begin, decision+handshake)
}
