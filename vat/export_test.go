package vat

// InMemory returns how many slots, references and objects a depot has in memory, for tests of what it forgets.
func (d *Depot) InMemory() (slots, refs, objects int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.slots), len(d.refs), len(d.impls) + d.loaded.Len()
}

// Senders counts the senders that a live reference remembers.
func (l *Live) Senders() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.senders)
}
