package mem

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Connect dials the peer at the addresses in its hints, one after the other, or at its designator if it has none.
func (h *Host) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, h.net.cfg.Timeout)
	defer cancel()
	t := &trip{caller: ctx, ctx: bounded, host: h, peer: d.Peer.ID()}
	if d.Peer.Transport != Transport {
		return nil, t.unreachable("it is on another kind of network")
	}
	var err error
	for _, addr := range addresses(d.Peer) {
		var to *Host
		if to, err = t.find(addr); err == nil {
			return t.handshake(to, d)
		}
		if t.ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// addresses returns the addresses in a locator, by the names of their hints; without any, the designator serves.
func addresses(p sturdyref.Peer) (found []string) {
	for _, name := range slices.Sorted(maps.Keys(p.Hints)) {
		if strings.HasPrefix(name, "addr") {
			found = append(found, p.Hints[name])
		}
	}
	if found == nil {
		found = []string{p.Designator}
	}
	return found
}

// A trip is a dial on its way through the network.
type trip struct {
	caller context.Context
	ctx    context.Context // the caller's, with the network's timeout
	host   *Host
	peer   sturdyref.PeerID
}

// find makes the first round trip, after which the dialler knows who is at an address.
func (t *trip) find(addr string) (*Host, error) {
	if err := t.ended(); err != nil {
		return nil, err
	}
	n := t.host.net
	n.mu.Lock()
	to := n.hosts[addr]
	n.mu.Unlock()
	if to == nil || to.cfg.Anonymous {
		return nil, t.unreachable("nobody answers at its address")
	}
	if err := t.reach(to); err != nil {
		return nil, err
	}
	if err := t.hop(to, t.host); err != nil {
		return nil, err
	}
	if to.self.Designator != t.peer.Designator {
		return nil, t.unreachable("somebody else answers at its address")
	}
	return to, nil
}

// handshake makes the second round trip: proof and early frames, then admission.
func (t *trip) handshake(to *Host, d netlayer.Dial) (netlayer.Conn, error) {
	a, err := t.host.newAttempt(to, d)
	if err != nil {
		return nil, err
	}
	if err := t.reach(to); err != nil {
		return nil, err
	}
	a.knock()
	answer, err := t.answer(a)
	if err == nil {
		err = t.hop(to, t.host)
	}
	if err != nil {
		a.abandon()
		return nil, err
	}
	if answer.err != nil {
		return nil, fmt.Errorf("mem: dialling %s: %w", t.peer, answer.err)
	}
	return answer.conn, nil
}

// answer waits until the acceptor has decided.
func (t *trip) answer(a *attempt) (verdict, error) {
	select {
	case v := <-a.verdict:
		return v, nil
	case <-a.to.done:
		select {
		case v := <-a.verdict:
			return v, nil
		default:
			return verdict{}, t.unreachable("it has closed")
		}
	case <-t.ctx.Done():
	case <-t.host.done:
	}
	return verdict{}, t.ended()
}

// reach goes to the peer, where nobody may be any more.
func (t *trip) reach(to *Host) error {
	if err := t.hop(t.host, to); err != nil {
		return err
	}
	select {
	case <-to.done:
		return t.unreachable("it has closed")
	default:
		return nil
	}
}

// hop waits for the time that a message takes, and before that for the end of a partition.
func (t *trip) hop(from, to *Host) error {
	n := from.net
	for healed := n.partitioned(from, to); healed != nil; healed = n.partitioned(from, to) {
		select {
		case <-healed:
		case <-t.ctx.Done():
			return t.ended()
		case <-t.host.done:
			return t.ended()
		}
	}
	delay := time.Duration(n.link(from, to).delay.Load())
	if delay == 0 {
		return t.ended()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
	case <-t.host.done:
	}
	return t.ended()
}

// ended says why the dial must stop, or nil.
func (t *trip) ended() error {
	select {
	case <-t.host.done:
		return errHostClosed
	default:
	}
	if err := t.caller.Err(); err != nil {
		return fmt.Errorf("mem: dialling %s: %w", t.peer, err)
	}
	if t.ctx.Err() != nil {
		return t.unreachable("no answer in time")
	}
	return nil
}

func (t *trip) unreachable(why string) error {
	return fmt.Errorf("mem: dialling %s: %s: %w", t.peer, why, netlayer.ErrUnreachable)
}
