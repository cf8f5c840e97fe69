package netlayertest

import (
	"context"
	"net/netip"
	"sync"

	"github.com/hawser-go/hawser/netlayer"
)

// allowing is a Dial.Allow that gives one answer and remembers what it was asked about.
type allowing struct {
	answer bool

	mu    sync.Mutex
	asked []netip.Addr
}

func (a *allowing) allow(ip netip.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, ip)
	return a.answer
}

func (a *allowing) all() []netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

func dialAllowed(w *world) {
	a, b := w.hosts()
	yes, no := &allowing{answer: true}, &allowing{}
	d := dial(b)
	d.Allow = yes.allow
	out, in := w.connect(a, b, d)
	w.write(out, []byte("allowed"))
	w.expect(in, "allowed")
	if w.lacks.Addresses {
		if len(yes.all()) > 0 {
			w.Errorf("Allow was asked about %v by a netlayer without IP addresses", yes.all())
		}
		return
	}
	d.Allow = no.allow
	d.Early = func(netlayer.Info, int) [][]byte {
		w.Error("Early was called for a dial to where none may go")
		return nil
	}
	ctx, cancel := context.WithCancel(w.ctx)
	w.spawn(func() {
		if incoming, err := b.Accept(ctx); err == nil {
			w.Error("a dial came to where none may go")
			incoming.Refuse(netlayer.ErrRefused)
		}
	})
	c, err := a.Connect(w.ctx, d)
	w.mustBe("Connect to where none may go", err, netlayer.ErrUnreachable)
	cancel()
	w.group.Wait()
	if c != nil {
		w.Error("Connect returned a connection and an error")
	}
	for _, by := range []*allowing{yes, no} {
		if len(by.all()) == 0 {
			w.Error("Allow was not asked")
		}
		for _, ip := range by.all() {
			if !ip.IsValid() || ip.Is4In6() {
				w.Errorf("Allow was asked about %v, which is no address or another's disguise", ip)
			}
		}
	}
	w.nextIs(a, b, "the next dial")
}

func sourceOfBoth(w *world) {
	a, b := w.hosts()
	out, in := w.connect(a, b, dial(b))
	if w.lacks.Addresses {
		return // what they call a place is their own
	}
	for _, c := range []netlayer.Conn{out, in} {
		where := c.Info().Source
		prefix, err := netip.ParsePrefix(where)
		if err != nil || prefix != prefix.Masked() {
			w.Errorf("Source is %q, want the prefix of an IP address (Outbound is %v)", where, c.Info().Outbound)
		}
	}
}
