package noisequic

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// decisionTimeout is how long a dialler that has proven itself waits for Incoming.Accept or Refuse.
const decisionTimeout = 10 * time.Second

// admitToHandshake is asked by quic-go before it does anything for a new connection.
func (n *Netlayer) admitToHandshake(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	release, err := n.budget.take(info.RemoteAddr)
	if err != nil {
		n.cfg.Logger.Debug("dialler turned away", "from", info.RemoteAddr, "why", err)
		return nil, err
	}
	context.AfterFunc(ctx, release)
	return context.WithValue(ctx, releaseKey{}, release), nil
}

// releaseKey is where a connection keeps the function that gives its share of the budget back.
type releaseKey struct{}

func (n *Netlayer) acceptLoop() {
	for {
		q, err := n.listener.Accept(context.Background())
		if err != nil {
			return // the listener is closed, and nothing is left in its queue
		}
		if !n.enter() {
			q.CloseWithError(codeRefused, "")
			continue
		}
		go func() {
			defer n.running.Done()
			n.serve(q)
		}()
	}
}

// serve takes one dialler from the first byte on its stream to the decision about it.
func (n *Netlayer) serve(q *quic.Conn) {
	if release, ok := q.Context().Value(releaseKey{}).(func()); ok {
		defer release()
	}
	ctx, cancel := n.within(q.Context(), handshakeTimeout)
	g, err := n.receive(ctx, q)
	cancel()
	if err == nil {
		ctx, cancel := n.within(q.Context(), decisionTimeout)
		defer cancel()
		err = n.announce(ctx, g)
	}
	if err == nil {
		return
	}
	n.cfg.Logger.Debug("dialler turned away", "from", q.RemoteAddr(), "why", oneLine(err.Error()))
	if g != nil && errors.Is(err, netlayer.ErrCrossed) {
		g.sayCrossed()
	}
	q.CloseWithError(codeRefused, "")
}

// guest is a dialler that has proven itself.
type guest struct {
	n       *Netlayer
	quic    *quic.Conn
	stream  *quic.Stream
	ciphers *noisehs.Transport
	info    netlayer.Info
	frames  []byte // that came with the handshake
}

// receive runs the handshake with a dialler and asks the Doorkeeper. Whatever is wrong, the caller closes the connection
// in the one way there is, so that from outside nothing tells why.
func (n *Netlayer) receive(ctx context.Context, q *quic.Conn) (*guest, error) {
	exported, err := exporter(q)
	if err != nil {
		return nil, err
	}
	s, err := q.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	s.SetDeadline(deadline)
	stop := onDone(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	var clear [1]byte
	if _, err := io.ReadFull(s, clear[:]); err != nil {
		return nil, err
	}
	if clear[0] != clearFresh {
		return nil, fmt.Errorf("%w: handshake of kind %d, expected %d", errMessage, clear[0], clearFresh)
	}
	hs, err := noisehs.NewXKAcceptor(noisehs.Config{
		Static: n.self.static, Prologue: prologue(clear[0], exported), Random: n.cfg.random,
	})
	if err != nil {
		return nil, err
	}
	m1, err := readMessage(s, maxMessage1)
	if err != nil {
		return nil, err
	}
	payload, err := hs.ReadMessage1(m1)
	if err != nil {
		return nil, err
	}
	h, err := parseHello(payload)
	if err != nil {
		return nil, err
	}
	m2, err := hs.Message2(appendFeatures(nil, n.cfg.Features))
	if err != nil {
		return nil, err
	}
	if err := writeMessage(s, nil, m2); err != nil {
		return nil, err
	}
	psk, err := n.psk(h.secret, hs)
	if err != nil {
		return nil, err
	}
	binding := hs.Hash()
	m3, err := readMessage(s, noisehs.MaxMessage)
	if err != nil {
		return nil, err
	}
	payload, dialler, ciphers, err := hs.ReadMessage3(&psk, m3)
	if err != nil {
		return nil, err
	}
	g := &guest{n: n, quic: q, stream: s, ciphers: ciphers}
	if g.info, g.frames, err = n.identify(payload, dialler, sessionBinding(binding, dialler, n.self.static.Public)); err != nil {
		return nil, err
	}
	g.info.Features = intersect(n.cfg.Features, h.features)
	g.info.AdmittedBy = h.secret
	g.info.Source = sourceName(q.RemoteAddr())
	if d := n.cfg.Doorkeeper; d != nil {
		err = d.Admit(g.info)
	}
	return g, err
}

// psk returns the pre-shared key that a dialler who named a secret must have: for one that is unknown, or does not work,
// a key that nobody has, so that the handshake goes on and fails as it does with a wrong one.
func (n *Netlayer) psk(secret [16]byte, hs *noisehs.XKAcceptor) ([32]byte, error) {
	if secret == ([16]byte{}) {
		return publicPSK(n.self.static.Public)
	}
	if d := n.cfg.Doorkeeper; d != nil {
		if lock, ok := d.Lock(secret); ok {
			if psk, err := lock.PSK(hs.EphemeralECDH); err == nil && psk != ([32]byte{}) {
				return psk, nil
			}
		}
	}
	var decoy [32]byte
	rand.Read(decoy[:])
	return decoy, nil
}

// identify reads what a dialler says of itself and checks it against the static key it has proven.
func (n *Netlayer) identify(payload []byte, dialler, binding [32]byte) (info netlayer.Info, frames []byte, err error) {
	switch {
	case !sturdyref.CanonicalX25519(dialler):
		return info, nil, errors.New("the dialler's key is not written in the canonical way")
	case dialler == n.self.static.Public:
		return info, nil, errors.New("the dialler has our own key")
	}
	credential, err := cutCredential(&payload)
	if err != nil {
		return info, nil, err
	}
	says, p, frames, err := parseSelf(payload)
	if err != nil {
		return info, nil, err
	}
	info = netlayer.Info{
		Local:         n.peer,
		Remote:        sturdyref.Public{Static: dialler}.Peer(),
		Authenticated: true,
		Anonymous:     says == sayAnonymous,
		Binding:       binding,
		Credential:    credential,
	}
	switch says {
	case sayNamed:
		info.Identity, err = n.verify(p, dialler, binding, sturdyref.Dialler, firstFrame(frames))
	case sayCrossed:
		err = errMessage
	}
	return info, frames, err
}
