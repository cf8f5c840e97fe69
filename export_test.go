package hawser

// Descendants counts the nodes that n's root remembers, itself included.
func Descendants(n *Node) int {
	n.root.mu.Lock()
	defer n.root.mu.Unlock()
	return len(n.root.nodes)
}
