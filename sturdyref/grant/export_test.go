package grant

import "crypto"

// IssueWith and DelegateWith are Issue and Delegate with a nonce of choice, so that vectors are always the same.
func IssueWith(signer crypto.Signer, of Root, t Terms, nonce [16]byte) (*Grant, error) {
	return issue(signer, of, t, nonce)
}

func (g *Grant) DelegateWith(signer crypto.Signer, t Terms, nonce [16]byte) (*Grant, error) {
	return g.delegate(signer, t, nonce)
}
