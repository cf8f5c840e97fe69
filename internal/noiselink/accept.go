package noiselink

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// decisionTimeout is how long a dialler that has proven itself waits for Incoming.Accept or Refuse.
const decisionTimeout = 10 * time.Second

// Serve takes one dialler from the first byte on its link to the decision about it. The time of the handshake, up to its
// last message, is that of ctx; the link is over when Serve returns, or it belongs to a connection.
func (n *Node) Serve(ctx context.Context, l Link) {
	g := &guest{n: n, link: l}
	err := g.receive(ctx)
	if err == nil {
		err = n.announce(g)
	}
	if err == nil {
		return
	}
	n.TurnedAway(l.RemoteAddr(), err)
	if g.ciphers != nil && errors.Is(err, netlayer.ErrCrossed) {
		g.sayCrossed()
		l.End(Refused)
		return
	}
	g.refuse()
}

// guest is somebody who dials.
type guest struct {
	n    *Node
	link Link
	// token proves a refusal; nil as long as the dialler has not been sent it, and on carriers that need none.
	token []byte

	// Set when it has proven itself.
	ciphers *noisehs.Transport
	info    netlayer.Info
	frames  []byte // that came with the handshake
}

// receive runs the handshake with a dialler and asks the Doorkeeper. Whatever is wrong, the caller refuses in the one way
// there is.
func (g *guest) receive(ctx context.Context) error {
	n, l := g.n, g.link
	deadline, _ := ctx.Deadline()
	l.SetDeadline(deadline)
	stop := onDone(ctx, func() { l.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	var clear [1]byte
	if _, err := io.ReadFull(l, clear[:]); err != nil {
		return err
	}
	switch {
	case clear[0] == clearFresh:
		return g.begin()
	case clear[0] == clearResume && n.resumes():
		return g.resume()
	}
	return fmt.Errorf("%w: handshake of unknown kind %d", errMessage, clear[0])
}

// handshake is what both roles of every handshake over a link are made with.
func (n *Node) handshake(static noisehs.Static, clear byte, l Link) noisehs.Config {
	return noisehs.Config{Static: static, Prologue: n.cfg.Carrier.prologue(clear, l.Exporter()), Random: n.cfg.Random}
}

// begin runs the handshake with a dialler that begins something.
func (g *guest) begin() error {
	n, l := g.n, g.link
	hs, err := noisehs.NewXKAcceptor(n.handshake(n.self.static, clearFresh, l))
	if err != nil {
		return err
	}
	m1, err := readMessage(l, maxMessage1)
	if err != nil {
		return err
	}
	payload, err := hs.ReadMessage1(m1)
	if err != nil {
		return err
	}
	h, err := parseHello(payload)
	if err != nil {
		return err
	}
	if err := g.answer(hs.Message2); err != nil {
		return err
	}
	psk, err := n.psk(h.secret, hs)
	if err != nil {
		return err
	}
	binding := hs.Hash()
	m3, err := readMessage(l, noisehs.MaxMessage)
	if err != nil {
		return err
	}
	payload, dialler, ciphers, err := hs.ReadMessage3(&psk, m3)
	if err != nil {
		return err
	}
	if g.info, g.frames, err = n.identify(payload, dialler, sessionBinding(binding, dialler, n.self.static.Public)); err != nil {
		return err
	}
	g.ciphers = ciphers
	g.info.Features = intersect(n.cfg.Features, h.features)
	g.info.AdmittedBy = h.secret
	g.info.Source = sockets.SourceName(l.RemoteAddr())
	if d := n.cfg.Doorkeeper; d != nil {
		return d.Admit(g.info)
	}
	return nil
}

// answer sends the second message, which message2 makes of its payload.
func (g *guest) answer(message2 func(payload []byte) ([]byte, error)) error {
	var token []byte
	if !g.n.cfg.Carrier.Bound {
		token = make([]byte, tokenSize)
		if _, err := io.ReadFull(g.n.random(), token); err != nil {
			return err
		}
	}
	m2, err := message2(appendFeatures(token[:len(token):len(token)], g.n.cfg.Features))
	if err != nil {
		return err
	}
	if err := writeMessage(g.link, nil, m2); err != nil {
		return err
	}
	g.token = token
	return nil
}

// random makes what nobody must guess, or what a test vector says.
func (n *Node) random() io.Reader {
	if n.cfg.Random != nil {
		return n.cfg.Random
	}
	return rand.Reader
}

// identify reads what a dialler says of itself and checks it against the static key it has proven.
func (n *Node) identify(payload []byte, dialler, binding [32]byte) (info netlayer.Info, frames []byte, err error) {
	if err := n.checkStatic(dialler); err != nil {
		return info, nil, err
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

// checkStatic refuses a static key with which nobody else can dial.
func (n *Node) checkStatic(dialler [32]byte) error {
	switch {
	case !sturdyref.CanonicalX25519(dialler):
		return errors.New("the dialler's key is not written in the canonical way")
	case dialler == n.self.static.Public:
		return errors.New("the dialler has our own key")
	}
	return nil
}
