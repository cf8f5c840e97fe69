package warden

import "github.com/hawser-go/hawser/sturdyref/grant"

// Checked has fn told of each signature of a link that is checked. It is called before anything else.
func (o *Office) Checked(fn func(grant.LinkID)) { o.verifier.Checked = fn }
