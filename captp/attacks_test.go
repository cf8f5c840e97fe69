package captp_test

import (
	"crypto/ed25519"
	"strings"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
)

// ops returns an attack that sends operations.
func ops(list ...msg.Op) func(*hostile) {
	return func(h *hostile) { h.send(list...) }
}

// frame returns an attack that sends bytes.
func frame(text string) func(*hostile) {
	return func(h *hostile) { h.sendFrame([]byte(text)) }
}

// hello returns an attack that sends an op:start-session after changing it, and signing it with sign.
func hello(change func(h *hostile, op *msg.StartSession) (sign ed25519.PrivateKey)) func(*hostile) {
	return func(h *hostile) {
		op := h.hello()
		if key := change(h, op); key != nil {
			if err := wire.Hawser.SignHello(op, key); err != nil {
				h.t.Fatal(err)
			}
		}
		h.send(op)
	}
}

const first = "must come first"

var attacks = []attack{
	// Before op:start-session.
	{name: "deliver before start", silent: true, do: ops(&msg.Deliver{To: export(0), Selector: "fetch"}), want: first},
	{name: "deliver with references before start", silent: true, do: ops(&msg.Deliver{To: export(0), Args: []any{importObject(1), importPromise(2)}}), want: first},
	{name: "listen before start", silent: true, do: ops(&msg.Listen{To: export(0), Resolve: importObject(1)}), want: first},
	{name: "get before start", silent: true, do: ops(&msg.Get{To: export(0), Field: "x", Answer: 1}), want: first},
	{name: "index before start", silent: true, do: ops(&msg.Index{To: export(0), Answer: 1}), want: first},
	{name: "untag before start", silent: true, do: ops(&msg.Untag{To: export(0), Tag: "x", Answer: 1}), want: first},
	{name: "gc-exports before start", silent: true, do: ops(&msg.GCExports{Positions: []uint64{0}, Deltas: []uint64{1}}), want: first},
	{name: "gc-answers before start", silent: true, do: ops(&msg.GCAnswers{Positions: []uint64{1}}), want: first},
	{name: "abort before start", silent: true, do: ops(&msg.Abort{Reason: "never mind"}), kind: captp.Aborted},
	{name: "start and abort at once", silent: true, do: func(h *hostile) { h.send(h.hello(), &msg.Abort{Reason: "never mind"}) }, kind: captp.Aborted},
	{name: "abort and start", silent: true, do: func(h *hostile) { h.send(&msg.Abort{Reason: "never mind"}, h.hello()) }, kind: captp.Aborted},
	{name: "wrong version", silent: true, do: hello(func(_ *hostile, op *msg.StartSession) ed25519.PrivateKey { op.Version = "0.9"; return nil }), want: "captp-version"},
	{name: "no version", silent: true, do: hello(func(_ *hostile, op *msg.StartSession) ed25519.PrivateKey { op.Version = ""; return nil }), want: "captp-version"},
	{name: "long version", silent: true, do: hello(func(_ *hostile, op *msg.StartSession) ed25519.PrivateKey {
		op.Version = strings.Repeat("v", 1<<18)
		return nil
	}), want: "captp-version"},
	{name: "wrong signature", silent: true, do: hello(func(_ *hostile, op *msg.StartSession) ed25519.PrivateKey { op.Signature[3] ^= 1; return nil }), want: "signature"},
	{name: "signed by another key", silent: true, do: hello(func(_ *hostile, op *msg.StartSession) ed25519.PrivateKey {
		op.PublicKey[0] ^= 1
		return nil
	}), want: "signature"},
	{name: "small-order key", silent: true, do: hello(func(_ *hostile, op *msg.StartSession) ed25519.PrivateKey {
		op.PublicKey, op.Signature = [32]byte{1}, [64]byte{1}
		return nil
	}), want: "signature"},
	{name: "somebody else's location", silent: true, do: hello(func(h *hostile, op *msg.StartSession) ed25519.PrivateKey {
		op.Location.Designator = "honest"
		return h.key
	}), want: "acceptable-location"},
	{name: "another transport", silent: true, do: hello(func(h *hostile, op *msg.StartSession) ed25519.PrivateKey {
		op.Location.Transport = "onion"
		return h.key
	}), want: "acceptable-location"},
	{name: "our own hello reflected", silent: true, do: func(h *hostile) {
		f, err := h.conn.Read()
		if err != nil {
			h.t.Fatal(err)
		}
		h.sendFrame(append([]byte(nil), f.Bytes...))
	}, want: "own key"},
	{name: "our own key", silent: true, do: func(h *hostile) {
		theirs := expect[*msg.StartSession](h.raw)
		op := h.hello()
		op.PublicKey = theirs.PublicKey
		h.send(op)
	}, want: "own key"},
	{name: "the node's first words misread as a request", silent: true, do: frame("GET / HTTP/1.1\r\n\r\n"), want: "wire"},
	{name: "nothing at all", silent: true, do: frame(""), want: "wire"},

	// Bytes that are no operation.
	{name: "empty frame", do: frame(""), want: "wire"},
	{name: "garbage", do: frame("\x00\xff\x13\x37"), want: "wire"},
	{name: "a value", do: frame(`5"hello`), want: "wire"},
	{name: "an unknown operation", do: frame("<8'op:frobx>"), want: "unknown operation"},
	{name: "a descriptor as an operation", do: frame("<11'desc:export0+>"), want: "unknown operation"},
	{name: "an unknown operation with a long name", do: frame("<100000'" + strings.Repeat("x", 100000) + ">"), want: "wire"},
	{name: "truncated", do: frame("<10'op:deliver<11'desc:export0+>[5'fetch"), want: "op:deliver"},
	{name: "two in a frame", do: frame("<8'op:abort1\"x><8'op:abort1\"x>"), want: "op:abort"},
	{name: "a field too many", do: frame("<10'op:deliver<11'desc:export0+>[]fff>"), want: "op:deliver"},
	{name: "a field too few", do: frame("<10'op:deliver<11'desc:export0+>[]f>"), want: "op:deliver"},
	{name: "an announced length", do: frame("<10'op:deliver<11'desc:export0+>[99999999999999:x]ff>"), want: "op:deliver"},
	{name: "deep nesting", do: frame("<10'op:deliver<11'desc:export0+>[" + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + "]ff>"), want: "op:deliver"},
	{name: "a huge integer", do: frame("<10'op:deliver<11'desc:export0+>[" + strings.Repeat("9", 100000) + "+]ff>"), want: "op:deliver"},
	{name: "a huge position", do: frame("<10'op:deliver<11'desc:export99999999999999999999999+>[]ff>"), want: "op:deliver"},
	{name: "a negative position", do: frame("<10'op:deliver<11'desc:export1->[]ff>"), want: "op:deliver"},
	{name: "a negative answer position", do: frame("<10'op:deliver<11'desc:export0+>[]1-f>"), want: "op:deliver"},
	{name: "true as answer position", do: frame("<10'op:deliver<11'desc:export0+>[]tf>"), want: "op:deliver"},
	{name: "text that is not UTF-8", do: frame("<10'op:deliver<11'desc:export0+>[2\"\xff\xfe]ff>"), want: "op:deliver"},
	{name: "keys out of order", do: frame("<10'op:deliver<11'desc:export0+>[{1\"b1+1\"a1+}]ff>"), want: "op:deliver"},
	{name: "deliver to an import", do: frame("<10'op:deliver<18'desc:import-object1+>[]ff>"), want: "op:deliver"},
	{name: "deliver to a number", do: frame("<10'op:deliver1+[]ff>"), want: "op:deliver"},
	{name: "resolver that is ours", do: frame("<10'op:deliver<11'desc:export0+>[]f<11'desc:export0+>>"), want: "op:deliver"},
	{name: "listener that is ours", do: frame("<9'op:listen<11'desc:export0+><11'desc:answer1+>>"), want: "op:listen"},
	{name: "gc with lists of different lengths", do: frame("<13'op:gc-exports[1+2+][1+]>"), want: "op:gc-exports"},
	{name: "gc of negative counts", do: frame("<13'op:gc-exports[1+][1-]>"), want: "op:gc-exports"},
	{name: "an unknown record among arguments", do: frame("<10'op:deliver<11'desc:export0+>[<4'evil1+>]ff>"), want: "op:deliver"},
	{name: "a certificate nobody has signed", do: frame("<10'op:deliver<11'desc:export0+>[<17'desc:handoff-give>]ff>"), want: "op:deliver"},

	// op:start-session once more.
	{name: "start twice", do: func(h *hostile) { h.send(h.hello()) }, want: "twice"},
	{name: "start twice with another key", do: hello(func(h *hostile, _ *msg.StartSession) ed25519.PrivateKey {
		_, key, _ := ed25519.GenerateKey(nil)
		return key
	}), want: "twice"},

	// Positions.
	{name: "deliver to an unknown export", do: ops(&msg.Deliver{To: export(999)}), want: "desc:export"},
	{name: "deliver to an unknown answer", do: ops(&msg.Deliver{To: answerAt(999)}), want: "desc:answer"},
	{name: "deliver to the largest position", do: ops(&msg.Deliver{To: export(1<<64 - 1)}), want: "desc:export"},
	{name: "an unknown export as argument", do: func(h *hostile) { h.send(&msg.Deliver{To: h.echo, Args: []any{export(999)}}) }, want: "desc:export"},
	{name: "an unknown answer as argument", do: func(h *hostile) { h.send(&msg.Deliver{To: h.echo, Args: []any{answerAt(999)}}) }, want: "desc:answer"},
	{name: "its own answer as argument", do: func(h *hostile) {
		h.send(&msg.Deliver{To: h.echo, Args: []any{answerAt(7)}, Answer: 7, HasAnswer: true})
	}, want: "desc:answer"},
	{name: "its own answer as target", do: ops(&msg.Deliver{To: answerAt(7), Answer: 7, HasAnswer: true}), want: "desc:answer"},
	{name: "answer position in use", do: func(h *hostile) { h.call(h.echo, "", 7, 0, 1); h.call(h.echo, "", 7, 0, 2) }, want: "answer-pos"},
	{name: "answer position in use by get", do: func(h *hostile) {
		h.call(h.echo, "", 7, 0, 1)
		h.send(&msg.Get{To: answerAt(7), Field: "x", Answer: 7})
	}, want: "answer-pos"},
	{name: "answer position used again after release", do: func(h *hostile) {
		for i := range 3 {
			h.call(h.echo, "", 7, 8, i)
			h.fulfilled(8, int64(i))
			h.send(&msg.GCAnswers{Positions: []uint64{7}})
		}
	}},
	{name: "answer position 0", do: func(h *hostile) {
		h.send(&msg.Deliver{To: h.echo, Args: []any{1}, HasAnswer: true, Resolve: importObject(8), HasResolve: true})
		h.fulfilled(8, int64(1))
		h.send(&msg.GCAnswers{Positions: []uint64{0}})
	}},
	{name: "the largest answer position", do: func(h *hostile) {
		h.call(h.echo, "", 1<<64-1, 8, 1)
		h.fulfilled(8, int64(1))
		h.send(&msg.GCAnswers{Positions: []uint64{1<<64 - 1}})
	}},
	{name: "deliver to a released export", do: func(h *hostile) {
		h.send(&msg.GCExports{Positions: []uint64{h.echo.Pos}, Deltas: []uint64{1}}, &msg.Deliver{To: h.echo})
	}, want: "desc:export"},
	{name: "deliver to a released answer", do: func(h *hostile) {
		h.call(h.echo, "", 7, 0, 1)
		h.send(&msg.GCAnswers{Positions: []uint64{7}}, &msg.Deliver{To: answerAt(7)})
	}, want: "desc:answer"},
	{name: "released with calls still queued on it", do: func(h *hostile) {
		h.call(export(0), "fetch", 7, 0, "echo")
		h.call(answerAt(7), "", 8, 9, "still here")
		h.send(&msg.GCAnswers{Positions: []uint64{7, 8}})
		h.fulfilled(9, "still here")
	}},
	{name: "an object imported as a promise", do: func(h *hostile) {
		h.send(&msg.Deliver{To: h.keep(), Args: []any{importObject(5)}}, &msg.Deliver{To: h.echo, Args: []any{importPromise(5)}})
	}, want: "position 5 is an object"},
	{name: "a promise imported as an object", do: func(h *hostile) {
		h.send(&msg.Deliver{To: h.keep(), Args: []any{importPromise(5)}}, &msg.Deliver{To: h.echo, Args: []any{importObject(5)}})
	}, want: "position 5 is a promise"},
	{name: "both in one message", do: func(h *hostile) {
		h.send(&msg.Deliver{To: h.echo, Args: []any{importPromise(5), importObject(5)}})
	}, want: "position 5 is a promise"},
	{name: "its bootstrap object as argument", do: func(h *hostile) {
		h.call(h.echo, "", 0, 8, importObject(0))
		h.fulfilled(8, export(0))
	}},
	{name: "a promise at position 0", do: func(h *hostile) {
		h.send(&msg.Deliver{To: h.keep(), Args: []any{importPromise(0)}})
		if l := expect[*msg.Listen](h.raw); l.To != export(0) {
			h.t.Error(l.To)
		} else {
			h.send(&msg.Deliver{To: export(l.Resolve.Pos), Selector: "fulfill", Args: []any{1}})
		}
	}},
	{name: "a resolver at position 0", do: func(h *hostile) {
		h.send(&msg.Deliver{To: h.echo, Args: []any{1}, Resolve: importObject(0), HasResolve: true})
		h.fulfilled(0, int64(1))
		if gc := h.givenBack(); gc[0] != 0 {
			h.t.Errorf("the bootstrap object was given back: %v", gc)
		}
	}},
	{name: "resolver that is a promise", do: func(h *hostile) {
		h.send(&msg.Deliver{To: h.echo, Args: []any{1}, Resolve: importPromise(8), HasResolve: true})
		h.fulfilled(8, int64(1))
	}},

	// op:listen.
	{name: "listen to an unknown export", do: ops(&msg.Listen{To: export(999), Resolve: importObject(1)}), want: "desc:export"},
	{name: "listen to an unknown answer", do: ops(&msg.Listen{To: answerAt(999), Resolve: importObject(1)}), want: "desc:answer"},
	{name: "listen to an object", do: func(h *hostile) {
		h.send(&msg.Listen{To: h.echo, Resolve: importObject(8)})
		h.fulfilled(8, importObject(h.echo.Pos))
	}},
	{name: "listen to the bootstrap object", do: func(h *hostile) {
		h.send(&msg.Listen{To: export(0), Resolve: importObject(8)})
		h.fulfilled(8, importObject(0))
	}},
	{name: "listen twice with one resolver", do: func(h *hostile) {
		h.call(h.echo, "", 7, 0, 1)
		h.send(&msg.Listen{To: answerAt(7), Resolve: importObject(8)}, &msg.Listen{To: answerAt(7), Resolve: importObject(8)})
		h.fulfilled(8, int64(1))
		h.fulfilled(8, int64(1))
		h.send(&msg.GCAnswers{Positions: []uint64{7}})
	}},

	// op:get, op:index, op:untag.
	{name: "get of an unknown export", do: ops(&msg.Get{To: export(999), Field: "x", Answer: 1}), want: "desc:export"},
	{name: "index of an unknown answer", do: ops(&msg.Index{To: answerAt(999), Answer: 1}), want: "desc:answer"},
	{name: "untag of an unknown answer", do: ops(&msg.Untag{To: answerAt(999), Answer: 1}), want: "desc:answer"},
	{name: "parts of an object", do: func(h *hostile) {
		h.send(&msg.Get{To: h.echo, Field: "x", Answer: 1}, &msg.Index{To: h.echo, Answer: 2}, &msg.Untag{To: export(0), Tag: "x", Answer: 3})
		h.brokenAt("hawser.bad-select", 1, 2, 3)
	}},
	{name: "parts that are not there", do: func(h *hostile) {
		h.call(h.echo, "", 1, 0, []any{1, passable.Struct{{Key: "a", Value: int64(1)}}, passable.Tagged{Tag: "t", Value: int64(1)}})
		h.send(
			&msg.Index{To: answerAt(1), Index: -1, Answer: 2}, &msg.Index{To: answerAt(1), Index: 3, Answer: 3},
			&msg.Index{To: answerAt(1), Index: 1<<63 - 1, Answer: 4}, &msg.Get{To: answerAt(1), Field: "a", Answer: 5},
			&msg.Untag{To: answerAt(1), Tag: "t", Answer: 6}, &msg.Index{To: answerAt(1), Index: 1, Answer: 7},
			&msg.Get{To: answerAt(7), Field: "b", Answer: 8}, &msg.Index{To: answerAt(1), Index: 2, Answer: 9},
			&msg.Untag{To: answerAt(9), Tag: "u", Answer: 10},
		)
		h.brokenAt("hawser.bad-select", 2, 3, 4, 5, 6, 8, 10)
		h.send(&msg.GCAnswers{Positions: []uint64{1, 7, 9}})
	}},

	// Release notices.
	{name: "gc of an unknown export", do: ops(&msg.GCExports{Positions: []uint64{999}, Deltas: []uint64{1}}), want: "op:gc-exports"},
	{name: "gc of nothing", do: ops(&msg.GCExports{}, &msg.GCAnswers{})},
	{name: "gc with a count of zero", do: func(h *hostile) {
		h.send(&msg.GCExports{Positions: []uint64{h.echo.Pos}, Deltas: []uint64{0}})
	}, want: "op:gc-exports"},
	{name: "gc of more than was given", do: func(h *hostile) {
		h.send(&msg.GCExports{Positions: []uint64{h.echo.Pos}, Deltas: []uint64{2}})
	}, want: "op:gc-exports"},
	{name: "gc of the largest count", do: func(h *hostile) {
		h.send(&msg.GCExports{Positions: []uint64{h.echo.Pos}, Deltas: []uint64{1<<64 - 1}})
	}, want: "op:gc-exports"},
	{name: "gc twice", do: func(h *hostile) {
		gc := &msg.GCExports{Positions: []uint64{h.echo.Pos}, Deltas: []uint64{1}}
		h.send(gc, gc)
	}, want: "op:gc-exports"},
	{name: "gc twice in one", do: func(h *hostile) {
		h.send(&msg.GCExports{Positions: []uint64{h.echo.Pos, h.echo.Pos}, Deltas: []uint64{1, 1}})
	}, want: "op:gc-exports"},
	{name: "gc of the bootstrap object", do: ops(
		&msg.GCExports{Positions: []uint64{0}, Deltas: []uint64{1}}, &msg.GCExports{Positions: []uint64{0, 0}, Deltas: []uint64{0, 1 << 63}},
	)},
	{name: "gc of an unknown answer", do: ops(&msg.GCAnswers{Positions: []uint64{999}}), want: "op:gc-answers"},
	{name: "gc of an answer twice", do: func(h *hostile) {
		h.call(h.echo, "", 7, 0, 1)
		h.send(&msg.GCAnswers{Positions: []uint64{7, 7}})
	}, want: "op:gc-answers"},

	// The resolver of a call that the node has made to the peer.
	{name: "fulfill twice", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{1}}, &msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{2}})
		outcome(int64(1), "")
	}},
	{name: "a second outcome with references", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{1}}, &msg.Deliver{To: export(d.Resolve.Pos), Selector: "break", Args: []any{importObject(77)}})
		outcome(int64(1), "")
		if gc := h.givenBack(); gc[77] != 1 {
			h.t.Errorf("the reference was not given back at once: %v", gc)
		}
	}},
	{name: "fulfill after break", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "break", Args: []any{"no"}}, &msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{2}})
		outcome(nil, "no")
	}},
	{name: "fulfill with two values", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{1, 2}})
		outcome(nil, "expected ['fulfill value]")
	}},
	{name: "fulfill with nothing", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill"})
		outcome(passable.Undefined{}, "")
	}},
	{name: "break with nothing", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "break"})
		outcome(nil, "broken")
	}},
	{name: "a resolver asked for something else", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: passable.Symbol(strings.Repeat("x", 100000)), Args: []any{1}})
		outcome(nil, "expected ['fulfill value]")
	}},
	{name: "a resolver called without a method", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.Deliver{To: export(d.Resolve.Pos)})
		outcome(nil, "expected ['fulfill value]")
	}},
	{name: "a resolver asked for an answer", do: func(h *hostile) {
		d, outcome := h.called()
		h.call(export(d.Resolve.Pos), "fulfill", 7, 8, 1)
		outcome(int64(1), "")
		h.fulfilled(8, passable.Undefined{})
		h.send(&msg.GCAnswers{Positions: []uint64{7}})
	}},
	{name: "parts of a resolver", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.Get{To: export(d.Resolve.Pos), Field: "x", Answer: 7})
		h.brokenAt("hawser.bad-select", 7)
		h.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{1}})
		outcome(int64(1), "")
	}},
	{name: "a resolver listened to and handed round", do: func(h *hostile) {
		d, outcome := h.called()
		res := export(d.Resolve.Pos)
		h.send(&msg.Listen{To: res, Resolve: importObject(8)})
		h.fulfilled(8, importObject(res.Pos))
		h.call(h.echo, "", 0, 9, res)
		h.fulfilled(9, importObject(res.Pos))
		h.send(&msg.Deliver{To: res, Selector: "fulfill", Args: []any{1}})
		outcome(int64(1), "")
	}},
	{name: "a promise fulfilled with its own resolver", do: func(h *hostile) {
		d, outcome := h.called()
		res := export(d.Resolve.Pos)
		h.send(&msg.Deliver{To: res, Selector: "fulfill", Args: []any{res}})
		outcome(anyReference, "")
	}},
	{name: "a resolver let go of", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.GCExports{Positions: []uint64{d.Resolve.Pos}, Deltas: []uint64{1}})
		outcome(nil, "let go")
	}},
	{name: "a resolver let go of twice", do: func(h *hostile) {
		d, outcome := h.called()
		gc := &msg.GCExports{Positions: []uint64{d.Resolve.Pos}, Deltas: []uint64{1}}
		h.send(gc, gc)
		outcome(nil, "let go")
	}, want: "op:gc-exports"},
	{name: "a resolver used after it was let go of", do: func(h *hostile) {
		d, outcome := h.called()
		h.send(&msg.GCExports{Positions: []uint64{d.Resolve.Pos}, Deltas: []uint64{1}}, &msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{1}})
		outcome(nil, "let go")
	}, want: "desc:export"},

	// Promises that lead to themselves.
	{name: "a promise fulfilled with itself", do: func(h *hostile) {
		l, outcome := h.promised(5)
		h.send(&msg.Deliver{To: export(l.Resolve.Pos), Selector: "fulfill", Args: []any{importPromise(5)}})
		outcome(nil, "resolved to itself")
	}},
	{name: "a promise fulfilled with an answer that waits for it", do: func(h *hostile) {
		h.call(h.echo, "", 7, 8, importPromise(5))
		l := expect[*msg.Listen](h.raw)
		h.send(&msg.Deliver{To: export(l.Resolve.Pos), Selector: "fulfill", Args: []any{answerAt(7)}})
		if d := expect[*msg.Deliver](h.raw); d.To != export(8) || d.Selector != "break" {
			h.t.Errorf("got %v %v, want a break", d, d.Args)
		}
		h.send(&msg.GCAnswers{Positions: []uint64{7}})
	}},
	{name: "a ring of promises", do: func(h *hostile) {
		const n = 20
		keep := h.keep()
		res := make([]msg.Desc, n)
		for i := range res {
			h.send(&msg.Deliver{To: keep, Args: []any{importPromise(uint64(100 + i))}})
			res[i] = export(expect[*msg.Listen](h.raw).Resolve.Pos)
		}
		for i := range res {
			h.send(&msg.Deliver{To: res[i], Selector: "fulfill", Args: []any{importPromise(uint64(100 + (i+1)%n))}})
		}
	}},
	{name: "a message sent to a ring", do: func(h *hostile) {
		l, outcome := h.promised(5)
		h.call(h.echo, "", 7, 0, importPromise(5))
		h.call(answerAt(7), "x", 8, 9)
		x := expect[*msg.Deliver](h.raw) // the promise is the peer's, so the message is sent on there
		if x.To != export(5) || x.Selector != "x" {
			h.t.Errorf("got %v", x)
		}
		h.send(&msg.Deliver{To: export(l.Resolve.Pos), Selector: "fulfill", Args: []any{answerAt(7)}})
		flush := expect[*msg.Listen](h.raw)
		h.send(&msg.Deliver{To: export(flush.Resolve.Pos), Selector: "fulfill", Args: []any{importObject(0)}})
		outcome(nil, "resolved to itself")
		h.send(&msg.Deliver{To: export(x.Resolve.Pos), Selector: "break", Args: []any{"ring"}})
		h.skipTo(9, "break")
		h.send(&msg.GCAnswers{Positions: []uint64{7, 8}})
	}},

	// op:abort.
	{name: "abort", do: ops(&msg.Abort{Reason: "enough"}), kind: captp.Aborted},
	{name: "abort with a symbol", do: frame("<8'op:abort3'why>"), kind: captp.Aborted},
	{name: "abort with a long reason", do: ops(&msg.Abort{Reason: strings.Repeat("ü", 1<<18)}), kind: captp.Aborted},
	{name: "abort and more", do: func(h *hostile) {
		h.call(h.echo, "", 7, 8, 1)
		h.send(&msg.Abort{Reason: "enough"}, &msg.Deliver{To: export(999)})
	}, kind: captp.Aborted},
	{name: "gone without a word", do: func(h *hostile) { h.bye() }, kind: captp.Lost},
}
