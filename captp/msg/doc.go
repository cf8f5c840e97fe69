// Package msg holds the operations of CapTP (OCapN draft, "CapTP Specification",
// sections Operations and Descriptors) as Go structs, without any bytes. A
// session works on these; package wire turns them into one dialect or another.
//
// Positions and descriptors are written from the receiver's side, as on the
// wire: who exports an object sends ImportObject, who sends it back says Export.
package msg
