package captp

import "github.com/hawser-go/hawser/vat"

// RealmOf returns Config.Realm of the session that ref leads into. It reports false for a reference that leads, as far
// as can be told now, elsewhere: to an object of this process, or to a promise that has no route yet.
func RealmOf(ref vat.Ref) (realm any, ok bool) {
	f, ok := vat.Ahead(vat.Present(settledRef(ref))).(*far)
	if !ok || f.session().dormant.Load() {
		return nil, false
	}
	return f.session().cfg.Realm, true
}
