package home

import (
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
)

// A certificate admits at a closed door, as a secret would: whoever dials because of it shows it in the handshake, signed
// for this connection with the key it names. Such a guest has giftFor to withdraw what it was given.

// introduction returns what to show to the exporter.
func (d *redemption) introduction(info netlayer.Info) []byte {
	if info.Binding == ([32]byte{}) {
		return nil
	}
	env, err := d.from.session.Introduce(d.w.Certificate(), info.Binding)
	if err != nil {
		return nil
	}
	b, err := wire.NewEncoder(wire.Hawser).Append(nil, &msg.Deliver{
		To: msg.Desc{Kind: msg.Export}, Selector: "withdraw-gift", Args: []any{env},
	}, nil)
	if err != nil || len(b) > netlayer.MaxCredential {
		return nil
	}
	return b
}

// introduced reports whether a dialler has shown a good certificate, or a good grant. It is called without mu.
func (h *Home) introduced(info netlayer.Info) bool {
	if !h.cfg.Door.Closed || len(info.Credential) == 0 || info.Binding == ([32]byte{}) {
		return false
	}
	op, err := wire.NewDecoder(wire.Hawser, wire.Limits{Bytes: netlayer.MaxCredential}).Decode(info.Credential, nil)
	if err != nil {
		return false
	}
	d, ok := op.(*msg.Deliver)
	if ok && d.Selector == selectorRedeem {
		return h.granted(info, d.Args)
	}
	if !ok || len(d.Args) != 1 {
		return false
	}
	env, ok := d.Args[0].(*msg.SigEnvelope)
	if !ok {
		return false
	}
	_, give, _, err := h.redeemed(env, info.Binding)
	return err == nil && h.isOwn(give.Exporter.ID())
}

// guest is a session that a certificate has admitted. Called with mu held.
func (h *Home) guest(l *link) {
	l.stay = time.AfterFunc(giftFor, func() {
		h.mu.Lock()
		over := !l.withdrew && len(l.shown) == 0 && !h.closed
		if over && len(l.awaits) > 0 {
			over = false
			l.stay.Reset(giftFor) // what it waits for comes by then, or not at all
		}
		h.mu.Unlock()
		if over {
			h.goroutine(func() { l.session.Close("no longer admitted") })
		}
	})
}
