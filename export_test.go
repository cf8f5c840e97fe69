package hawser

import "github.com/hawser-go/hawser/store"

// OpenStore has the nodes of a Config open their store by a function.
func (c *Config) OpenStore(open func(path string) (*store.Store, error)) { c.openStore = open }

// Descendants counts the nodes that n's root remembers, itself included.
func Descendants(n *Node) int {
	n.root.mu.Lock()
	defer n.root.mu.Unlock()
	return len(n.root.nodes)
}
