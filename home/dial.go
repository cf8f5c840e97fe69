package home

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// crossedWait is how long a dial that gave way waits for the connection it gave way to.
const crossedWait = 3 * time.Second

// run lets a dial go, on a goroutine that Close joins.
func (h *Home) run(d *dial) {
	go func() {
		defer h.wg.Done()
		defer d.cancel()
		h.attempt(d)
		h.mu.Lock()
		h.dials--
		h.mu.Unlock()
	}()
}

// attempt dials until there is a session, by this dial or by the peer's, or no hope.
func (h *Home) attempt(d *dial) {
	layer, err := h.layer(d)
	if err != nil {
		h.gaveUp(d, err)
		return
	}
	conn, err := h.connect(d, layer)
	for errors.Is(err, netlayer.ErrCrossed) && h.crossed(d) {
		conn, err = h.connect(d, layer)
	}
	switch {
	case err == nil:
		h.arrived(d, conn)
	case errors.Is(err, netlayer.ErrCrossed):
		h.gaveUp(d, fmt.Errorf("%w, but its connection has not come: enliven again", err))
	case h.byLetter(d, err):
	default:
		h.gaveUp(d, err)
	}
}

// layer returns the netlayer to dial with: one of the Home's, or the first of a new anonymous session's.
func (h *Home) layer(d *dial) (netlayer.Netlayer, error) {
	if h.named() {
		if d.link.over.Netlayer == nil {
			return nil, noLayer(d.req.peer.Transport, h.layers)
		}
		return d.link.over, nil
	}
	layers, err := h.open()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	d.link.layers = layers
	h.mu.Unlock()
	if t := d.req.peer.Transport; t != layers[0].Transport() {
		return nil, noLayer(t, layers[:1])
	}
	return layers[0], nil
}

// noLayer says that none of the layers speaks a transport.
func noLayer(transport string, layers []Layer) error {
	var spoken []string
	for _, l := range layers {
		spoken = append(spoken, strconv.Quote(l.Transport()))
	}
	return fmt.Errorf("home: %w %q: this node speaks %s", errNoTransport, transport, strings.Join(spoken, ", "))
}

var errNoTransport = errors.New("no netlayer for transport")

// crossed waits for the connection that this dial gave way to. It reports whether to dial again, which is done with more
// insistence.
func (h *Home) crossed(d *dial) bool {
	if !h.named() {
		return false // nobody dials an anonymous party
	}
	h.mu.Lock()
	d.insists = false
	h.mu.Unlock()
	timer := time.NewTimer(crossedWait)
	defer timer.Stop()
	for {
		select {
		case <-d.again:
		case <-timer.C:
		case <-d.ctx.Done():
			return false
		}
		h.mu.Lock()
		d.insists = d.peer.dial == d
		h.mu.Unlock()
		if d.insists {
			return true
		}
		// The connection is there and is being let in: it cancels this dial, or has it go on.
	}
}

// connect tries the addresses of the sturdyref, then those the Locator knows.
func (h *Home) connect(d *dial, layer netlayer.Netlayer) (netlayer.Conn, error) {
	to := netlayer.Dial{Peer: d.req.peer, Key: d.req.key, Early: d.early, Allow: d.req.allow, Credential: d.req.credential}
	if d.link.over.Dialect != nil {
		to.Key = nil // networks of other implementations know no such thing; fetch shows the number
	}
	conn, err := layer.Connect(d.ctx, to)
	if err == nil || !errors.Is(err, netlayer.ErrUnreachable) || h.cfg.Locator == nil {
		return conn, err
	}
	hints, lerr := h.cfg.Locator.Locate(d.ctx, d.peer.id)
	if lerr != nil {
		return nil, fmt.Errorf("%w (and locating it failed: %w)", err, lerr)
	}
	to.Peer = sturdyref.Peer{Transport: d.req.peer.Transport, Designator: d.req.peer.Designator, Hints: maps.Clone(hints)}
	return layer.Connect(d.ctx, to)
}
