package wire

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/syrup"
)

const (
	labelPeer      = "ocapn-peer"
	labelSturdyRef = "ocapn-sturdyref"
	labelMine      = "my-location"
	maxHints       = 64
)

func validText(s string) string { return strings.ToValidUTF8(s, "�") }

// AppendPeer appends the locator of a peer: <ocapn-peer transport designator
// hints>, hints false if there are none (Locators.md).
func (d Dialect) AppendPeer(dst []byte, p sturdyref.Peer) ([]byte, error) {
	for _, s := range []string{p.Transport, p.Designator} {
		if !utf8.ValidString(s) {
			return dst, in(labelPeer, "", errUTF8)
		}
	}
	dst = syrup.AppendSymbol(syrup.AppendLabel(dst, labelPeer), passable.Symbol(p.Transport))
	dst = syrup.AppendString(dst, p.Designator)
	if len(p.Hints) == 0 {
		return append(syrup.AppendBool(dst, false), syrup.CloseRecord), nil
	}
	hints := make(passable.Struct, 0, len(p.Hints))
	for _, name := range slices.Sorted(maps.Keys(p.Hints)) {
		hints = append(hints, passable.Field{Key: name, Value: p.Hints[name]})
	}
	dst, err := (&syrup.Encoder{KeyOrder: d.KeyOrder}).Append(dst, hints)
	if err != nil {
		return dst, in(labelPeer, "hints", err)
	}
	return append(dst, syrup.CloseRecord), nil
}

func (d Dialect) appendSturdyRef(dst []byte, r sturdyref.Ref) ([]byte, error) {
	dst, err := d.AppendPeer(syrup.AppendLabel(dst, labelSturdyRef), r.Peer)
	if err != nil {
		return dst, err
	}
	return append(syrup.AppendBytes(dst, r.Swiss.Reveal()), syrup.CloseRecord), nil
}

// peer reads the locator of a peer, label and all.
func (d *Decoder) peer() (sturdyref.Peer, error) {
	label, err := d.s.OpenRecord()
	if err != nil {
		return sturdyref.Peer{}, err
	}
	if !d.isPeer(label) {
		return sturdyref.Peer{}, d.wrong("got the record %q, want %s", cut(label), labelPeer)
	}
	p, err := d.peerFields()
	if err != nil {
		return p, err
	}
	return p, d.s.CloseRecord()
}

func (d *Decoder) isPeer(label passable.Symbol) bool {
	switch label {
	case "ocapn-node", "ocapn-machine":
		d.seen |= SeenOldLocator
		return true
	}
	return label == labelPeer
}

// peerFields reads the fields of a locator.
func (d *Decoder) peerFields() (p sturdyref.Peer, err error) {
	transport, err := d.s.Symbol()
	if err != nil {
		return p, err
	}
	p.Transport = string(transport)
	if p.Transport == "" || strings.ContainsRune(p.Transport, '.') {
		return p, d.wrong("a transport is a name without a dot")
	}
	if p.Designator, err = d.s.String(); err != nil {
		return p, err
	}
	none, err := d.s.TryFalse()
	if err != nil || none {
		return p, err
	}
	p.Hints, err = d.hints()
	return p, err
}

func (d *Decoder) hints() (map[string]string, error) {
	v, err := d.s.Value()
	if err != nil {
		return nil, err
	}
	hints := make(map[string]string)
	add := func(name, value any) error {
		k, ok1 := d.hintText(name)
		s, ok2 := d.hintText(value)
		if !ok1 || !ok2 {
			return d.wrong("a hint is a name and a text, both strings")
		}
		if _, twice := hints[k]; twice || len(hints) >= maxHints {
			return d.wrong("hints have a name twice or are more than %d", maxHints)
		}
		hints[k] = s
		return nil
	}
	switch v := v.(type) {
	case passable.Struct:
		for name, value := range v.All() {
			if err := add(name, value); err != nil {
				return nil, err
			}
		}
	case []any:
		d.seen |= SeenHintList
		for _, e := range v {
			pair, ok := e.([]any)
			if !ok || len(pair) != 2 {
				return nil, d.wrong("want hints as a struct, false, or a list of pairs")
			}
			if err := add(pair[0], pair[1]); err != nil {
				return nil, err
			}
		}
	default:
		return nil, d.wrong("want hints as a struct, false, or a list of pairs")
	}
	return hints, nil
}

func (d *Decoder) hintText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case passable.Symbol:
		d.seen |= SeenSymbolHints
		return string(v), true
	}
	return "", false
}

// sturdyRefFields reads the fields of a sturdyref.
func (d *Decoder) sturdyRefFields() (r sturdyref.Ref, err error) {
	if r.Peer, err = d.peer(); err != nil {
		return r, err
	}
	text, err := d.s.Is('"')
	if err != nil {
		return r, err
	}
	var swiss []byte
	if text {
		d.seen |= SeenStringSwiss
		var s string
		s, err = d.s.String()
		swiss = []byte(s)
	} else {
		swiss, err = d.s.View()
	}
	if err != nil {
		return r, err
	}
	if r.Swiss = sturdyref.SwissNumOf(swiss); r.Swiss.IsZero() {
		return r, d.wrong("the swiss number is empty")
	}
	return r, nil
}

// cut shortens a peer's label for a message.
func cut(label passable.Symbol) string {
	if len(label) > 40 {
		label = label[:40] + "…"
	}
	return string(label)
}

// wrong makes an error about something well-formed that does not belong here.
func (d *Decoder) wrong(format string, args ...any) error {
	return d.s.Fault(syrup.ErrUnexpected, format, args...)
}
