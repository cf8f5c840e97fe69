package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// everybody is a doorkeeper that lets everybody in.
type everybody struct{}

func (everybody) Lock([16]byte) (netlayer.Lock, bool) { return nil, false }
func (everybody) Admit(netlayer.Info) error           { return nil }

func newIdentity() (sturdyref.Identity, error) { return sturdyref.GenerateIdentity(time.Now()) }

// layers is two netlayers of this process, of which one lets the other in.
type layers struct {
	client, server *noisequic.Netlayer
	accepting      sync.WaitGroup
}

// openLayers opens two netlayers and has accepted called with each connection's beginning.
func openLayers(accepted func(in *netlayer.Incoming)) (*layers, error) {
	l := new(layers)
	for _, n := range []**noisequic.Netlayer{&l.client, &l.server} {
		id, err := newIdentity()
		if err == nil {
			*n, err = noisequic.Open(&noisequic.Config{
				Identity: id, Listen: "127.0.0.1:0", Doorkeeper: everybody{}, Features: []string{captp.FeatureMovesQueues},
				Limits: noisequic.Limits{RatePerSource: 1e9},
			})
		}
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	l.accepting.Go(func() {
		for {
			in, err := l.server.Accept(context.Background())
			if err != nil {
				return // closed
			}
			accepted(in)
		}
	})
	return l, nil
}

func (l *layers) close() error {
	var errs []error
	for _, n := range []*noisequic.Netlayer{l.client, l.server} {
		if n != nil {
			errs = append(errs, n.Close())
		}
	}
	l.accepting.Wait()
	return errors.Join(errs...)
}

// overFrames is a wire.Opener on Noise-QUIC: what the netlayer adds to QUIC, without sessions.
func overFrames(time.Duration) (client, server io.ReadWriteCloser, closeAll func() error, err error) {
	accepted := make(chan netlayer.Conn, 1)
	l, err := openLayers(func(in *netlayer.Incoming) {
		if c, err := in.Accept(nil); err == nil {
			accepted <- c
		}
	})
	if err != nil {
		return nil, nil, nil, err
	}
	conn, err := l.client.Connect(context.Background(), netlayer.Dial{Peer: l.server.Location()})
	if err != nil {
		return nil, nil, nil, errors.Join(err, l.close())
	}
	return &framed{conn: conn}, &framed{conn: <-accepted}, l.close, nil
}

// noiseSetup makes a connection and has one frame, sent with the handshake, answered by another, sent with the admission.
func noiseSetup() (work, error) {
	frame := [][]byte{make([]byte, 64)}
	l, err := openLayers(func(in *netlayer.Incoming) {
		if c, err := in.Accept(frame); err == nil {
			for err == nil {
				_, err = c.Read() // until the dialler closes
			}
			_ = c.Close("")
		}
	})
	if err != nil {
		return work{}, err
	}
	d := netlayer.Dial{Peer: l.server.Location(), Early: func(netlayer.Info, int) [][]byte { return frame }}
	return work{func(n int, t *times) error {
		return repeat(func() error {
			c, err := l.client.Connect(context.Background(), d)
			if err != nil {
				return err
			}
			f, err := c.Read()
			if err == nil && len(f.Bytes) != len(frame[0]) {
				err = fmt.Errorf("got %d bytes, want %d", len(f.Bytes), len(frame[0]))
			}
			return errors.Join(err, c.Close(""))
		}, n, t)
	}, l.close}, nil
}

// sessionSetup makes a connection and a session over it, and one call. The sockets are there, as with the floor.
func sessionSetup() (work, error) {
	v := vat.New(nil)
	b, err := spawn[birdRef](v, spawnBird)
	if err != nil {
		return work{}, err
	}
	session := func(at netlayer.Netlayer) (*captp.Session, error) {
		return captp.New(captp.Config{Bootstrap: b.Ref, Location: at.Location(), Realm: at})
	}
	var l *layers
	l, err = openLayers(func(in *netlayer.Incoming) {
		s, err := session(l.server)
		if err != nil {
			in.Refuse(netlayer.ErrRefused)
			return
		}
		c, err := in.Accept(s.Hello(in.Info))
		if err != nil {
			s.Fail("the client", err)
			return
		}
		if s.Start(c) == nil {
			<-s.Done()
		}
	})
	if err != nil {
		return work{}, err
	}
	ctx := context.Background()
	return work{func(n int, t *times) error {
		return repeat(func() error {
			s, err := session(l.client)
			if err != nil {
				return err
			}
			answer := vat.As[birdRef](s.Bootstrap()).Echo(ctx, words, amount)
			c, err := l.client.Connect(ctx, netlayer.Dial{Peer: l.server.Location(), Early: s.Early})
			if err != nil {
				s.Fail("the server", err)
				return err
			}
			if err := s.Start(c); err != nil {
				return err
			}
			defer s.Close("")
			got, err := answer.Await(ctx)
			return checked(got.Text, got.Number, err)
		}, n, t)
	}, func() error { return errors.Join(l.close(), v.Close()) }}, nil
}

// nodeSetup is all that a user sees: a sturdyref is enlivened from an identity that has no session with the host yet, and
// one call made. That an anonymous identity is new each time costs it a key and a socket; the node closes after the call.
func nodeSetup() (work, error) {
	p, err := overNoise(spawnBird)
	if err != nil {
		return work{}, err
	}
	ctx := context.Background()
	return work{func(n int, t *times) error {
		return repeat(func() error {
			guest, err := p.guest.Anonymous()
			if err != nil {
				return err
			}
			got, err := vat.As[birdRef](guest.Enliven(p.invite)).Echo(ctx, words, amount).Await(ctx)
			return errors.Join(checked(got.Text, got.Number, err), guest.Close())
		}, n, t)
	}, p.close}, nil
}
