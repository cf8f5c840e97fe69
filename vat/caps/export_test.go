package caps

// Known returns how many proxies are remembered.
func (m *Membrane) Known() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for s := range m.known {
		n += len(m.known[s])
		n += len(m.own[s])
	}
	return n
}
