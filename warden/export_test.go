package warden

import "github.com/hawser-go/hawser/sturdyref/grant"

// Checked has fn told of each signature of a link that is checked. It is called before anything else.
func (o *Office) Checked(fn func(grant.LinkID)) { o.verifier.Checked = fn }

// Heard returns the set of what is known of a home's grants, nil if there is none.
func (o *Office) Heard(home grant.Key) *grant.Set {
	o.mu.Lock()
	defer o.mu.Unlock()
	if home == o.host {
		return o.known
	}
	if e := o.homes[home]; e != nil {
		return e.set
	}
	return nil
}

// Homes returns of how many other homes something is kept.
func (o *Office) Homes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.homes)
}

// Fruitless is how many questions may bring nothing, and MaxTold how many notices a peer is told.
const (
	Fruitless = fruitless
	MaxTold   = maxTold
)
