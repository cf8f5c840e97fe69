package conformance_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
)

// The JSON of vectors, which testdata/README.md describes: every value and every
// operation is an object with the member "type".

type obj = map[string]any

// toJSON describes a value or an operation.
func toJSON(v any) any {
	switch v := v.(type) {
	case nil:
		return obj{"type": "null"}
	case passable.Undefined:
		return obj{"type": "undefined"}
	case bool:
		return obj{"type": "boolean", "value": v}
	case int64:
		return obj{"type": "integer", "value": strconv.FormatInt(v, 10)}
	case *big.Int:
		return obj{"type": "integer", "value": v.String()}
	case float64:
		return obj{"type": "float64", "bits": fmt.Sprintf("%016x", math.Float64bits(v))}
	case string:
		return obj{"type": "string", "value": v}
	case passable.Symbol:
		return obj{"type": "symbol", "value": string(v)}
	case []byte:
		return obj{"type": "bytes", "hex": hex.EncodeToString(v)}
	case []any:
		return obj{"type": "list", "items": listJSON(v)}
	case passable.Struct:
		fields := []any{}
		for _, f := range v {
			fields = append(fields, obj{"key": f.Key, "value": toJSON(f.Value)})
		}
		return obj{"type": "struct", "fields": fields}
	case passable.Tagged:
		return obj{"type": "tagged", "tag": v.Tag, "value": toJSON(v.Value)}
	case passable.Error:
		return obj{"type": "error", "code": v.Code, "message": v.Message}
	case msg.Desc:
		return obj{"type": v.Kind.String(), "position": position(v.Pos)}
	case msg.Locator:
		return peerJSON(v.Peer)
	case msg.SturdyRef:
		return obj{"type": "sturdyref", "peer": peerJSON(v.Peer), "swiss": hex.EncodeToString(v.Swiss.Reveal())}
	case *msg.SigEnvelope:
		return obj{"type": "sig-envelope", "signed": toJSON(v.Signed), "encoded": hex.EncodeToString(v.Encoded), "signature": hex.EncodeToString(v.Signature[:])}
	case *msg.HandoffGive:
		return obj{
			"type": "handoff-give", "receiver-key": hex.EncodeToString(v.ReceiverKey[:]), "exporter-location": peerJSON(v.Exporter),
			"session": hex.EncodeToString(v.Session[:]), "gifter-side": hex.EncodeToString(v.GifterSide[:]), "gift-id": toJSON(v.GiftID),
		}
	case *msg.HandoffReceive:
		return obj{
			"type": "handoff-receive", "receiving-session": hex.EncodeToString(v.Session[:]), "receiving-side": hex.EncodeToString(v.Side[:]),
			"handoff-count": position(v.Count), "signed-give": toJSON(v.Give),
		}
	case *msg.StartSession:
		return obj{
			"type": "start-session", "version": v.Version, "key": hex.EncodeToString(v.PublicKey[:]),
			"location": peerJSON(v.Location), "signature": hex.EncodeToString(v.Signature[:]),
		}
	case *msg.Abort:
		return obj{"type": "abort", "reason": v.Reason}
	case *msg.Deliver:
		args := v.Args
		if v.Selector != "" {
			args = append([]any{v.Selector}, args...)
		}
		o := obj{"type": "deliver", "to": toJSON(v.To), "args": listJSON(args), "answer": false, "resolve": false}
		if v.HasAnswer {
			o["answer"] = position(v.Answer)
		}
		if v.HasResolve {
			o["resolve"] = toJSON(v.Resolve)
		}
		return o
	case *msg.Listen:
		return obj{"type": "listen", "to": toJSON(v.To), "resolve": toJSON(v.Resolve), "wants-partial": v.WantsPartial}
	case *msg.Get:
		return obj{"type": "get", "to": toJSON(v.To), "field": v.Field, "answer": position(v.Answer)}
	case *msg.Index:
		return obj{"type": "index", "to": toJSON(v.To), "index": strconv.FormatInt(v.Index, 10), "answer": position(v.Answer)}
	case *msg.Untag:
		return obj{"type": "untag", "to": toJSON(v.To), "tag": v.Tag, "answer": position(v.Answer)}
	case *msg.GCExports:
		return obj{"type": "gc-exports", "positions": positions(v.Positions), "deltas": positions(v.Deltas)}
	case *msg.GCAnswers:
		return obj{"type": "gc-answers", "positions": positions(v.Positions)}
	}
	panic(fmt.Sprintf("no JSON for %T", v))
}

func listJSON(list []any) []any {
	items := []any{}
	for _, v := range list {
		items = append(items, toJSON(v))
	}
	return items
}

func position(n uint64) string { return strconv.FormatUint(n, 10) }

func positions(list []uint64) []any {
	items := []any{}
	for _, n := range list {
		items = append(items, position(n))
	}
	return items
}

func peerJSON(p sturdyref.Peer) any {
	hints := obj{}
	for k, v := range p.Hints {
		hints[k] = v
	}
	return obj{"type": "peer", "transport": p.Transport, "designator": p.Designator, "hints": hints}
}

// fromJSON is the other direction, for values of the model and descriptors.
func fromJSON(j any) any {
	o := j.(obj)
	text := func(key string) string { s, _ := o[key].(string); return s }
	switch text("type") {
	case "null":
		return nil
	case "undefined":
		return passable.Undefined{}
	case "boolean":
		return o["value"].(bool)
	case "integer":
		n, _ := new(big.Int).SetString(text("value"), 10)
		if n.IsInt64() {
			return n.Int64()
		}
		return n
	case "float64":
		bits, _ := strconv.ParseUint(text("bits"), 16, 64)
		return math.Float64frombits(bits)
	case "string":
		return text("value")
	case "symbol":
		return passable.Symbol(text("value"))
	case "bytes":
		return unhex(text("hex"))
	case "list":
		list := []any{}
		for _, item := range o["items"].([]any) {
			list = append(list, fromJSON(item))
		}
		return list
	case "struct":
		s := passable.Struct{}
		for _, item := range o["fields"].([]any) {
			f := item.(obj)
			s = s.With(f["key"].(string), fromJSON(f["value"]))
		}
		return s
	case "tagged":
		return passable.Tagged{Tag: text("tag"), Value: fromJSON(o["value"])}
	case "error":
		return passable.Error{Code: text("code"), Message: text("message")}
	}
	panic(fmt.Sprintf("no value of type %q", text("type")))
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
