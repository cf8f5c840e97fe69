package store

// A Backend is where a [Store] keeps its buckets. It has one user, and is open to nobody else meanwhile: if that ends, as a
// lease may, Apply fails for ever (fencing).
type Backend interface {
	// Apply writes batches, in order, in one transaction that survives a crash of the machine once Apply has returned nil.
	// If it returns an error nothing of them was written, as far as can be told, and it is not called again. It is called
	// by one goroutine at a time.
	Apply(batches []*Batch) error
	// View calls fn with what has been written, at one moment, and returns its error, or why nothing can be read. It may be
	// called by many goroutines, during Apply too.
	View(fn func(Reader) error) error
	// Close frees the backend; it is not used any more.
	Close() error
}

// A Reader reads what a store holds at one moment. It, and every slice it returns, is valid until the function that was
// given it returns; the slices must not be changed.
type Reader interface {
	// Get returns the value of a key, nil if there is none.
	Get(bucket string, key []byte) []byte
	// Scan calls fn with the keys of a bucket that are not before from, in the order of their bytes, and their values,
	// until fn returns false.
	Scan(bucket string, from []byte, fn func(key, value []byte) bool)
	// Buckets returns the names of the buckets that have keys, or have had some since they were dropped, in order, but for
	// the store's own.
	Buckets() []string
}

// IsOwn reports whether a bucket is the store's own, of which only backends know.
func IsOwn(bucket string) bool { return bucket == meta }
