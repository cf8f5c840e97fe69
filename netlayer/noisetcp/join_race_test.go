package noisetcp_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/netlayertest"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/sturdyref"
)

// away is a netlayer that takes its time to reach the peer, in which everything happens that does in a dial.
type away struct {
	stub
	reach    time.Duration // until the peer is known to be there; it is not if negative, which is noticed after as long
	answer   time.Duration // from then on until it has decided
	verdict  error
	stubborn bool // goes on when the dial is given up
	silent   bool // does not ask what there is to say

	mu       sync.Mutex
	began    []time.Duration // dials, since origin
	origin   time.Time
	admitted int // dials of which the peer has had the last message
	open     atomic.Int32
}

func (a *away) wait(ctx context.Context, d time.Duration) error {
	if a.stubborn {
		ctx = context.Background()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("dial: %w", ctx.Err())
	}
}

func (a *away) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	a.mu.Lock()
	a.began = append(a.began, time.Since(a.origin))
	a.mu.Unlock()
	if err := a.wait(ctx, max(a.reach, -a.reach)); err != nil {
		return nil, err
	}
	if a.reach < 0 {
		return nil, fmt.Errorf("%w: nobody answered", netlayer.ErrUnreachable)
	}
	const limit = 1000
	if d.Credential != nil && !a.silent && len(d.Credential(netlayer.Info{})) > netlayer.MaxCredential {
		return nil, errors.New("the credential is too large")
	}
	if d.Early != nil && !a.silent {
		size := 0
		for _, f := range d.Early(netlayer.Info{}, limit) {
			size += 4 + len(f)
		}
		if size > limit {
			return nil, netlayer.ErrFrameTooLarge
		}
	}
	a.mu.Lock()
	a.admitted++
	a.mu.Unlock()
	if err := a.wait(ctx, a.answer); err != nil {
		return nil, err
	}
	if a.verdict != nil {
		return nil, a.verdict
	}
	a.open.Add(1)
	return &opened{a: a}, nil
}

type opened struct {
	netlayer.Conn
	a *away
}

func (o *opened) Close(string) error {
	o.a.open.Add(-1)
	return nil
}

// pair is two such netlayers, joined.
type pair struct {
	netlayer.Netlayer
	quic, tcp *away
	asked     int  // what dials have to say
	bare      bool // dials have no credential
}

func join(t *testing.T, quic, tcp *away) *pair {
	t.Helper()
	quic.origin, tcp.origin = time.Now(), time.Now()
	p := &pair{Netlayer: noisetcp.Join(quic, tcp), quic: quic, tcp: tcp}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// dial dials peer n and returns how long it took.
func (p *pair) dial(ctx context.Context, n int) (netlayer.Conn, time.Duration, error) {
	p.quic.origin, p.tcp.origin = time.Now(), time.Now()
	p.quic.began, p.tcp.began = nil, nil
	p.asked = 0
	d := netlayer.Dial{
		Peer:  sturdyref.Peer{Transport: sturdyref.Transport, Designator: fmt.Sprint("peer ", n)},
		Early: func(netlayer.Info, int) [][]byte { p.asked++; return [][]byte{[]byte("early")} },
	}
	if !p.bare {
		d.Credential = func(netlayer.Info) []byte { p.asked++; return []byte("credential") }
	}
	c, err := p.Connect(ctx, d)
	return c, time.Since(p.quic.origin), err
}

const ms = time.Millisecond

// TestRace has the two ways take their times.
func TestRace(t *testing.T) {
	for _, c := range []struct {
		name      string
		quic, tcp *away
		took      time.Duration
		err       error
		overQUIC  int
		overTCP   int           // connections admitted
		tcpBegins time.Duration // negative: never
	}{
		{"QUIC is there at once", &away{reach: 100 * ms, answer: 100 * ms}, &away{reach: 1 * ms}, 200 * ms, nil, 1, 0, -1},
		{"QUIC is there, its answer takes long", &away{reach: 250 * ms, answer: 9000 * ms}, &away{reach: 1 * ms}, 9250 * ms, nil, 1, 0, -1},
		{"QUIC is first, TCP on its way", &away{reach: 400 * ms, answer: 50 * ms}, &away{reach: 200 * ms}, 450 * ms, nil, 1, 0, 300 * ms},
		{"UDP is blocked", &away{reach: -5000 * ms}, &away{reach: 20 * ms, answer: 10 * ms}, 330 * ms, nil, 0, 1, 300 * ms},
		{"QUIC has no address", &away{reach: -1}, &away{reach: 20 * ms, answer: 10 * ms}, 30*ms + 1, nil, 0, 1, 1},
		{"UDP is slow", &away{reach: 350 * ms, answer: 10 * ms}, &away{reach: 20 * ms, answer: 100 * ms}, 420 * ms, nil, 0, 1, 300 * ms},
		{"TCP has no address", &away{reach: 1000 * ms, answer: 10 * ms}, &away{reach: -1}, 1010 * ms, nil, 1, 0, 300 * ms},
		{"there is nobody", &away{reach: -5000 * ms}, &away{reach: -1000 * ms}, 5000 * ms, netlayer.ErrUnreachable, 0, 0, 300 * ms},
		{"QUIC does not heed the end", &away{reach: 350 * ms, stubborn: true}, &away{reach: 20 * ms, answer: 100 * ms}, 420 * ms, nil, 0, 1, 300 * ms},
		{"TCP does not heed the end", &away{reach: 350 * ms, answer: 10 * ms}, &away{reach: 100 * ms, answer: 10 * ms, stubborn: true}, 400 * ms, nil, 1, 0, 300 * ms},
		{"lost after the peer had it", &away{reach: 350 * ms, answer: 100 * ms, verdict: netlayer.ErrLost}, &away{reach: 60 * ms, stubborn: true}, 450 * ms, netlayer.ErrLost, 1, 0, 300 * ms},
		{"lost over TCP", &away{reach: 400 * ms}, &away{reach: 60 * ms, verdict: netlayer.ErrLost}, 360 * ms, netlayer.ErrLost, 0, 1, 300 * ms},
		{"refused over TCP", &away{reach: -5000 * ms}, &away{reach: 60 * ms, verdict: netlayer.ErrRefused}, 360 * ms, netlayer.ErrRefused, 0, 1, 300 * ms},
		{"out of reach again after it was there", &away{reach: 350 * ms, verdict: netlayer.ErrUnreachable}, &away{reach: 60 * ms, stubborn: true}, 360 * ms, netlayer.ErrUnreachable, 1, 0, 300 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := join(t, c.quic, c.tcp)
				conn, took, err := p.dial(t.Context(), 1)
				if !errors.Is(err, c.err) || (conn == nil) != (c.err != nil) || took != c.took {
					t.Errorf("%v, %v after %v, want %v after %v", conn, err, took, c.err, c.took)
				}
				if c.quic.admitted != c.overQUIC || c.tcp.admitted != c.overTCP {
					t.Errorf("the peer had %d last messages over QUIC and %d over TCP, want %d and %d", c.quic.admitted, c.tcp.admitted, c.overQUIC, c.overTCP)
				}
				if want := 2 * (c.overQUIC + c.overTCP); p.asked != want {
					t.Errorf("the dial was asked %d times, want %d", p.asked, want)
				}
				if began := len(c.tcp.began) == 1 && c.tcp.began[0] == c.tcpBegins; !began && (c.tcpBegins >= 0 || len(c.tcp.began) > 0) {
					t.Errorf("TCP began %v, want %v", c.tcp.began, c.tcpBegins)
				}
			})
		})
	}
}

// TestRaceIsClose has both be there at the same moment: the peer hears of us once, whoever is first.
func TestRaceIsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := join(t, &away{reach: 310 * ms, answer: 5 * ms}, &away{reach: 10 * ms, answer: 5 * ms})
		for i := range 500 { // each with a peer of which nothing is known
			want := 2
			if p.bare = i%2 == 0; p.bare {
				want = 1
			}
			if _, took, err := p.dial(t.Context(), i); err != nil || took != 315*ms || p.asked != want {
				t.Fatalf("%v after %v, asked %d times", err, took, p.asked)
			}
			if n, open := p.quic.admitted+p.tcp.admitted, p.quic.open.Load()+p.tcp.open.Load(); n != i+1 || int(open) != n {
				t.Fatalf("after %d dials %d were admitted and %d are open", i+1, n, open)
			}
		}
	})
}

// TestRaceOfTheSilent is about netlayers that do not ask what a dial has to say: one connection is left.
func TestRaceOfTheSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := join(t, &away{reach: 350 * ms, silent: true, stubborn: true}, &away{reach: 50 * ms, silent: true, stubborn: true})
		for i := range 100 {
			if _, _, err := p.dial(t.Context(), i); err != nil {
				t.Fatal(err)
			}
			if open := p.quic.open.Load() + p.tcp.open.Load(); int(open) != i+1 {
				t.Fatalf("after %d dials %d connections are open", i+1, open)
			}
		}
	})
}

// TestRaceGivenUp ends a dial at every stage: it returns at once.
func TestRaceGivenUp(t *testing.T) {
	for _, after := range []time.Duration{100 * ms, 300 * ms, 350 * ms, 500 * ms} {
		synctest.Test(t, func(t *testing.T) {
			p := join(t, &away{reach: -5000 * ms}, &away{reach: 100 * ms, answer: 5000 * ms})
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			if _, took, err := p.dial(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || took != after {
				t.Errorf("given up after %v: %v after %v", after, err, took)
			}
		})
	}
}

// TestPast: what has happened shortens the wait for a while, and only with that peer on that network.
func TestPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := join(t, &away{reach: -5000 * ms}, &away{reach: 10 * ms})
		begins := func(what string, n int, want time.Duration) {
			t.Helper()
			if _, _, err := p.dial(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			switch began := p.tcp.began; {
			case want < 0 && len(began) == 0:
			case len(began) != 1 || began[0] != want:
				t.Errorf("%s: TCP began %v, want %v", what, began, want)
			}
		}
		begins("nothing is known", 1, 300*ms)
		begins("UDP was blocked", 1, 50*ms)
		begins("another peer", 2, 300*ms)
		time.Sleep(10*time.Minute - time.Second)
		begins("just remembered", 1, 50*ms)
		time.Sleep(10*time.Minute + time.Second)
		begins("long ago", 1, 300*ms)
		p.Netlayer.(interface{ NetworkUp(context.Context) }).NetworkUp(t.Context())
		begins("another network", 1, 300*ms)
		p.quic.reach = 30 * ms
		begins("UDP is back, and in time", 1, -1)
		p.quic.reach = -5000 * ms
		begins("it was back", 1, 300*ms)

		for i := range 2 * noisetcp.MaxPast {
			if _, _, err := p.dial(t.Context(), 100+i); err != nil {
				t.Fatal(err)
			}
		}
		if n := noisetcp.Past(p.Netlayer); n != noisetcp.MaxPast {
			t.Errorf("%d peers are remembered, want %d", n, noisetcp.MaxPast)
		}
		begins("the latest of many", 100+2*noisetcp.MaxPast-1, 50*ms)
		begins("the first of many", 100, 300*ms)
		time.Sleep(11 * time.Minute)
		begins("when all are out of date", 1, 300*ms)
		if n := noisetcp.Past(p.Netlayer); n != 1 {
			t.Errorf("%d peers are remembered, want 1", n)
		}
	})
}

// gated is a netlayer whose dials, once they have reached the peer, wait until the other's has too.
type gated struct {
	netlayer.Netlayer
	here  chan<- struct{}
	there <-chan struct{}
	lost  *atomic.Int32 // dials that failed in spite of it
}

func (g gated) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	early := d.Early
	d.Early = func(info netlayer.Info, limit int) [][]byte {
		close(g.here)
		<-g.there
		return early(info, limit)
	}
	c, err := g.Netlayer.Connect(ctx, d)
	if err != nil {
		g.lost.Add(1)
	}
	return c, err
}

// TestBothAtTheGate is the same with both netlayers real: the two handshakes are before their last messages, at a peer that
// would take both.
func TestBothAtTheGate(t *testing.T) {
	noLeaks(t)
	b := openBoth(t, netlayertest.Host{})
	defer b.Close()
	var lost atomic.Int32
	here, there := make(chan struct{}), make(chan struct{})
	quic, err := noisequic.Open(&noisequic.Config{Linger: 500 * ms})
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := noisetcp.Open(&noisetcp.Config{Linger: 500 * ms})
	if err != nil {
		t.Fatal(err)
	}
	a := noisetcp.Join(gated{quic, here, there, &lost}, gated{tcp, there, here, &lost})
	defer a.Close()
	out, in := connect(t, a, b, netlayer.Dial{Early: func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("once")} }})
	if f, err := in.Read(); err != nil || string(f.Bytes) != "once" {
		t.Errorf("read %q, %v", f.Bytes, err)
	}
	if lost.Load() != 1 {
		t.Errorf("%d of two dials failed, want one", lost.Load())
	}
	if err := out.Close(""); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if second, err := b.Accept(ctx); err == nil {
		second.Refuse(netlayer.ErrRefused)
		t.Error("the peer was dialled twice")
	}
}
