// Package syrup encodes and decodes Syrup, the binary notation of live OCapN
// traffic: https://github.com/ocapn/syrup, as OCapN's Notation.md narrows it.
//
// Syrup is canonical: equal values have equal encodings, so what is signed can
// be encoded again by whoever checks the signature. [Encoder] writes only the
// canonical form, and [Decoder] accepts only that unless told to be lenient.
//
//	Boolean    t  f
//	Integer    42+  7-  0+
//	Float64    D and 8 bytes, big endian; the only NaN is 7ff8000000000000
//	String     5"twine     (length in bytes, UTF-8)
//	Symbol     5'fetch     (length in bytes, UTF-8)
//	ByteArray  3:cat
//	List       [ … ]
//	Struct     { key value … }, keys are strings in the order of [KeyOrder]
//	record     < label field … >, the label is a symbol
//
// Values are those of package passable. Those that Syrup has no notation for are
// records, as the known implementations write them:
//
//	Null       <4'null>
//	Undefined  <4'void>
//	Tagged     <11'desc:tagged 'tag value>
//	Error      <10'desc:error …>, of several shapes: see [ErrorShape]
//
// Every other record is the business of the protocol above: a hook turns
// references into records ([Encoder.Ref], [Encoder.Opaque]) and records into
// references ([Config.Record]), or the records are read field by field with the
// methods of Decoder, without a tree in between.
//
// The decoder treats its input as hostile. [Limits] bound depth, size, digits
// and number of values; nothing is allocated because a length announces it, only
// for bytes that have arrived; and memory and time stay proportional to the
// input. Each refusal is an [*Error] that says where and what.
package syrup
