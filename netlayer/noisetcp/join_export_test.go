package noisetcp

import "github.com/hawser-go/hawser/netlayer"

// MaxPast is how many peers Join remembers.
const MaxPast = maxPast

// Past returns how many peers n, made by Join, remembers.
func Past(n netlayer.Netlayer) int {
	p := &n.(*joined).past
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.until)
}
