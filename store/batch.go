package store

// MaxKey is how long a key may be, in bytes.
const MaxKey = 1024

// MaxValue is how long a value may be, in bytes.
const MaxValue = 16 << 20

// A Batch is a transaction: what is to be written, whole or not at all. The zero Batch is empty. It belongs to one
// goroutine until it is submitted, and to the store from then on.
type Batch struct {
	ops  []Op
	size int
	err  error
}

// An Op is one write of a batch.
type Op struct {
	Bucket string
	Key    []byte // nil removes the whole bucket
	Value  []byte // nil deletes
}

// Put sets the value of a key in a bucket, which is made when it has its first key. Both slices are the batch's from then
// on. A key that is empty or longer than MaxKey, a value longer than MaxValue, or a bucket without a name make the whole
// batch one that is refused. A nil value is an empty one.
func (b *Batch) Put(bucket string, key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	b.add(Op{bucket, key, value})
}

// Delete removes a key from a bucket; there need not be one.
func (b *Batch) Delete(bucket string, key []byte) {
	if key == nil {
		key = []byte{} // which is refused
	}
	b.add(Op{Bucket: bucket, Key: key})
}

// Drop removes a bucket with all it holds; there need not be one.
func (b *Batch) Drop(bucket string) { b.add(Op{Bucket: bucket}) }

func (b *Batch) add(op Op) {
	switch {
	case op.Bucket == "" || op.Bucket == meta:
		b.refuse(badBucket(op.Bucket))
	case op.Key == nil && op.Value == nil:
	case len(op.Key) == 0 || len(op.Key) > MaxKey:
		b.refuse(badKey(len(op.Key)))
	case len(op.Value) > MaxValue:
		b.refuse(badValue(len(op.Value)))
	}
	b.ops = append(b.ops, op)
	b.size += len(op.Bucket) + len(op.Key) + len(op.Value) + opSize
}

// opSize is what a write costs beside its bytes, so that empty ones count too.
const opSize = 64

func (b *Batch) refuse(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Ops returns the writes in their order, for a [Backend]: later ones of the same key win.
func (b *Batch) Ops() []Op { return b.ops }

// Size returns about how much memory the batch takes, in bytes.
func (b *Batch) Size() int { return b.size }
