package home

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref/grant"
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

// introduced reports whether a dialler has shown a good certificate, or a good grant, which is returned. It is called without mu.
func (h *Home) introduced(info netlayer.Info) (g *grant.Grant, ok bool) {
	if !h.cfg.Door.Closed || len(info.Credential) == 0 || info.Binding == ([32]byte{}) {
		return nil, false
	}
	d := credentialOf(info)
	if d != nil && d.Selector == selectorRedeem {
		return h.granted(info, d.Args)
	}
	if d == nil || len(d.Args) != 1 {
		return nil, false
	}
	env, ok := d.Args[0].(*msg.SigEnvelope)
	if !ok {
		return nil, false
	}
	_, give, _, err := h.redeemed(env, info.Binding)
	return nil, err == nil && h.isOwn(give.Exporter.ID())
}

// credentialOf returns what a dialler has shown in the handshake, nil if it is no operation of CapTP.
func credentialOf(info netlayer.Info) *msg.Deliver {
	op, err := wire.NewDecoder(wire.Hawser, wire.Limits{Bytes: netlayer.MaxCredential}).Decode(info.Credential, nil)
	if err != nil {
		return nil
	}
	d, _ := op.(*msg.Deliver)
	return d
}
