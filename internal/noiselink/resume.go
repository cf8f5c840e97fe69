package noiselink

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Going on with what an earlier connection began (docs/noise-quic.md, section 7). Both sides know each other's static key,
// so the handshake is IK. Its first message can be a recorded one; what is to be resumed is said, and looked for, only in
// the confirmation that follows, which cannot.

// saidSize is the room of what one side says about what is resumed. It is always filled, so that nobody can tell how
// much that is.
const saidSize = 2 + netlayer.MaxResume

// maxConfirm is the length of the longest confirmation.
const maxConfirm = saidSize + maxFeatureBlock + noisehs.TransportOverhead

// sayResumed begins the verdict that admits who resumes: what the acceptor says follows.
const sayResumed = 4

// resumes reports whether we were told to take part in this.
func (n *Node) resumes() bool {
	_, ok := slices.BinarySearch(n.cfg.Features, netlayer.FeatureResume)
	return ok
}

// appendSaid writes at most MaxResume bytes: two bytes of length, the bytes, and zeros up to saidSize.
func appendSaid(b, said []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(said)))
	b = append(b, said...)
	return append(b, make([]byte, netlayer.MaxResume-len(said))...)
}

// cutSaid takes from b what appendSaid wrote. The result is never nil if there is no error, and in memory of its own.
func cutSaid(b *[]byte) ([]byte, error) {
	if len(*b) < saidSize {
		return nil, errMessage
	}
	n := int(binary.BigEndian.Uint16(*b))
	if n > netlayer.MaxResume || slices.ContainsFunc((*b)[2+n:saidSize], func(pad byte) bool { return pad != 0 }) {
		return nil, errMessage
	}
	said := append(make([]byte, 0, n), (*b)[2:2+n]...)
	*b = (*b)[saidSize:]
	return said, nil
}

// parseConfirm reads the payload of a confirmation: what is to be resumed, and the dialler's features.
func parseConfirm(b []byte) (said []byte, features []string, err error) {
	if said, err = cutSaid(&b); err != nil {
		return nil, nil, err
	}
	if features, err = parseFeatures(b); err != nil {
		return nil, nil, err
	}
	return said, features, nil
}

// parseResumed reads the verdict about one that resumes.
func parseResumed(b []byte) (said []byte, err error) {
	switch {
	case len(b) == 1 && b[0] == sayCrossed:
		return nil, netlayer.ErrCrossed
	case len(b) != 1+saidSize || b[0] != sayResumed:
		return nil, errMessage
	}
	b = b[1:]
	return cutSaid(&b)
}

// prepareResume checks what is to be resumed, and takes up the key of an anonymous session.
func (c *call) prepareResume(d netlayer.Dial) error {
	n := c.n
	switch {
	case !n.resumes():
		return n.cfg.errorf("cannot resume: Config.Features does not have %q", netlayer.FeatureResume)
	case len(d.Resume) > netlayer.MaxResume:
		return n.cfg.errorf("Dial.Resume has %d bytes, at most %d can be carried: %w", len(d.Resume), netlayer.MaxResume, netlayer.ErrFrameTooLarge)
	}
	c.resume = bytes.Clone(d.Resume)
	if d.Previous == nil {
		if n.Anonymous() {
			return n.cfg.errorf("cannot resume an anonymous session without Dial.Previous, the connection that has its key")
		}
		return nil
	}
	before := d.Previous.Info()
	if before.Remote.Designator != d.Peer.Designator {
		return n.cfg.errorf("Dial.Previous was a connection with another peer than Dial.Peer")
	}
	if !n.Anonymous() {
		if before.Local.Designator != n.peer.Designator {
			return n.cfg.errorf("Dial.Previous was a connection of another identity than this netlayer has")
		}
		return nil
	}
	p, ok := d.Previous.(*conn)
	if !ok || p.anonymous == nil {
		return n.cfg.errorf("Dial.Previous is no connection that an anonymous netlayer of this transport has dialled")
	}
	c.self, c.local = *p.anonymous, before.Local
	return nil
}

// confirm makes the last message of a handshake that resumes. Dial.Early is asked, though it has nothing to give, because
// a dial that is made in several ways learns thereby that this one goes on.
func (c *call) confirm(a *attempt, d netlayer.Dial) (last, error) {
	if d.Early != nil {
		if _, _, err := c.n.cfg.gather(d.Early(a.info, 0), 0); err != nil {
			return last{}, err
		}
	}
	m, ciphers, err := a.ik.Confirm(appendFeatures(appendSaid(make([]byte, 0, maxConfirm), c.resume), c.n.cfg.Features))
	return last{m, ciphers, false}, err
}

// resumed reads the verdict.
func (c *call) resumed(a *attempt, verdict []byte) (frames []byte, err error) {
	a.info.Resume, err = parseResumed(verdict)
	return nil, err
}

// resume runs the handshake with a dialler that goes on with something. What that is, and whether there is such a thing, is
// not for us to know.
func (g *guest) resume() error {
	n, l := g.n, g.link
	hs, err := noisehs.NewIKAcceptor(n.handshake(n.self.static, clearResume, l))
	if err != nil {
		return err
	}
	m1, err := readMessage(l, noisehs.IKOverhead1+1)
	if err != nil {
		return err
	}
	payload, err := hs.ReadMessage1(m1)
	if err != nil {
		return err
	}
	if !bytes.Equal(payload, []byte{protocolVersion}) {
		return fmt.Errorf("%w: version %x, expected %x", errMessage, payload, protocolVersion)
	}
	if err := g.answer(hs.Message2); err != nil {
		return err
	}
	m, err := readMessage(l, maxConfirm)
	if err != nil {
		return err
	}
	payload, dialler, ciphers, err := hs.ReadConfirm(m)
	if err != nil {
		return err
	}
	if err := n.checkStatic(dialler); err != nil {
		return err
	}
	said, features, err := parseConfirm(payload)
	if err != nil {
		return err
	}
	g.ciphers = ciphers
	g.info = netlayer.Info{
		Local:         n.peer,
		Remote:        sturdyref.Public{Static: dialler}.Peer(),
		Authenticated: true,
		Source:        sockets.SourceName(l.RemoteAddr()),
		Features:      intersect(n.cfg.Features, features),
		Resume:        said,
	}
	return nil
}

// goOn sends the verdict that admits who resumes, with the answer.
func (g *guest) goOn(first [][]byte) (*conn, error) {
	switch {
	case len(first) != 1:
		return nil, g.n.cfg.errorf("a dialler that resumes is answered with one frame, not with %d", len(first))
	case len(first[0]) > netlayer.MaxResume:
		return nil, g.n.cfg.errorf("an answer of %d bytes to a dialler that resumes, at most %d can be carried: %w", len(first[0]), netlayer.MaxResume, netlayer.ErrFrameTooLarge)
	}
	return g.enter(appendSaid([]byte{sayResumed}, first[0]))
}
