package captp

import "github.com/hawser-go/hawser/vat"

// byWayOf returns what a peer may be told that a settled promise has become: v, if that is where messages sent to the
// promise go. If they keep to another way (see keep), whoever was told v would send straight there and overtake them. So
// it is told of an object of ours in its place that sends by the same way.
func byWayOf(w *vat.Vow, v any) any {
	ref, ok := v.(vat.Ref)
	if !ok || ref.IsNull() || vat.Ahead(w.Ref()) == ref.Target() {
		return v
	}
	d := &detour{by: w}
	return d.node.Init(d)
}

// detour is an object that passes messages on by the way a promise has kept.
type detour struct {
	node vat.Node
	by   *vat.Vow
}

// Deliver implements vat.Target.
func (d *detour) Deliver(m vat.Message) { d.by.Deliver(m) }
