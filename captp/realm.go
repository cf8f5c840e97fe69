package captp

import "github.com/hawser-go/hawser/vat"

// RealmOf returns Config.Realm of the session that ref leads into. It reports false for a reference that leads, as far
// as can be told now, elsewhere: to an object of this process, or to a promise that has no route yet.
func RealmOf(ref vat.Ref) (realm any, ok bool) {
	t := ref.Target()
	for range 64 {
		switch x := t.(type) {
		case *vat.Vow:
			t = x.Ahead()
		case *far:
			return x.session().cfg.Realm, true
		default:
			return nil, false
		}
	}
	return nil, false
}
