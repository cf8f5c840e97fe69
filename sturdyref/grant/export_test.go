package grant

import "crypto"

// IssueWith and DelegateWith are Issue and Delegate with a nonce of choice, so that vectors are always the same.
func IssueWith(signer crypto.Signer, of Root, t Terms, nonce [16]byte) (*Grant, error) {
	return issue(signer, of, t, nonce)
}

func (g *Grant) DelegateWith(signer crypto.Signer, t Terms, nonce [16]byte) (*Grant, error) {
	return g.delegate(signer, t, nonce)
}

// CacheSize is how many links a Cache holds at least, when so many different ones were used last.
const CacheSize = halfLinks

// Has and Add are what Verify does with the hash of a link.
func (c *Cache) Has(hash [32]byte) bool { return c.has(hash) }
func (c *Cache) Add(hash [32]byte)      { c.add(hash) }

// Len returns how many links c holds.
func (c *Cache) Len() int { return len(c.links.young) + len(c.links.old) }

// Grants returns how many grants c holds, and of how many bytes.
func (c *Cache) Grants() (n, size int) {
	for _, half := range []map[[32]byte]entry[*Grant]{c.grants.young, c.grants.old} {
		for _, e := range half {
			n, size = n+1, size+len(e.value.bytes)
		}
	}
	return n, size
}

// Tables returns how many entries the tables of s have.
func (s *Set) Tables() int {
	return len(s.links) + len(s.notices) + len(s.named) + s.names.count + len(s.feeds) + len(s.shares)
}
