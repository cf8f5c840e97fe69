// Package wire turns the operations of package msg into bytes and back. It is the
// only place where the bytes of CapTP are known.
//
// The specification is a draft, and implementations lag behind it by different
// changes. A [Dialect] is a set of independent choices, which this side writes;
// the package knows the ones in use by name. What arrives is understood in every
// shape that implementations are known to send, each feature by itself and
// whatever the dialect, and [Decoder.Seen] tells which shapes the peer has used,
// so that a session can follow it.
//
//	operation         shapes understood
//	op:deliver        <op:deliver to args answer-pos|false resolve-me|false>, <op:deliver-only to args>
//	op:listen         with and without wants-partial
//	op:gc-exports     lists or single integers; also as op:gc-export
//	op:gc-answers     a list or a single integer; also as op:gc-answer
//	op:start-session  key and signature as gcrypt lists or plain byte arrays
//	ocapn-peer        also ocapn-node and ocapn-machine; hints a struct, a list of pairs, or false
//	ocapn-sturdyref   the swiss number a byte array or a string
//	errors, tags      see package syrup
//
// In the dialect between Hawser peers an error is <desc:error {"code": code,
// "message": message}>. Whatever does not match any shape is an [*Error] that
// says what was expected and what came; a session ends with it.
package wire
