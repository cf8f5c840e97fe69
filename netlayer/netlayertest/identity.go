package netlayertest

import (
	"reflect"
	"slices"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

func infoIsSymmetric(w *world) {
	a, b := w.hosts()
	if a.Transport() != b.Transport() || a.Location().Transport != a.Transport() {
		w.Fatalf("Transport is %q, the Location's is %q", a.Transport(), a.Location().Transport)
	}
	if a.Location().ID() == b.Location().ID() {
		w.Fatalf("two netlayers are at the same location %v", a.Location())
	}
	out, in := w.connect(a, b, dial(b))
	o, i := out.Info(), in.Info()
	if !o.Outbound || i.Outbound {
		w.Errorf("Outbound is %v at the dialler and %v at the acceptor", o.Outbound, i.Outbound)
	}
	if o.Anonymous || i.Anonymous {
		w.Error("Anonymous is set for a dialler with an identity")
	}
	if o.Local.ID() != a.Location().ID() || i.Local.ID() != b.Location().ID() || o.Remote.ID() != b.Location().ID() {
		w.Errorf("dialler %v to %v, acceptor at %v; the netlayers are %v and %v", o.Local.ID(), o.Remote.ID(), i.Local.ID(), a.Location().ID(), b.Location().ID())
	}
	if w.lacks.Authentication {
		if o.Authenticated || i.Authenticated {
			w.Error("Authenticated is set on a netlayer that cannot")
		}
	} else {
		if !o.Authenticated || i.Authenticated == w.lacks.DiallerAuthentication {
			w.Errorf("Authenticated is %v at the dialler and %v at the acceptor", o.Authenticated, i.Authenticated)
		}
		if i.Authenticated && i.Remote.ID() != a.Location().ID() {
			w.Errorf("the acceptor sees %v, which is %v", i.Remote.ID(), a.Location().ID())
		}
	}
	if o.Binding != i.Binding {
		w.Error("the Bindings of the two ends differ")
	}
	if (o.Binding == [32]byte{}) != w.lacks.Binding {
		w.Errorf("Binding is %x", o.Binding)
	}
	if o.AdmittedBy != i.AdmittedBy || o.AdmittedBy != [16]byte{} {
		w.Error("AdmittedBy is set and no key was shown")
	}
	if !reflect.DeepEqual(out.Info(), o) || !reflect.DeepEqual(in.Info(), i) {
		w.Error("Info changes")
	}
}

func bindingsDiffer(w *world) {
	a, b := w.hosts()
	seen := map[[32]byte]bool{}
	for range 5 {
		out, in := w.connect(a, b, dial(b))
		binding := out.Info().Binding
		if in.Info().Binding != binding {
			w.Fatal("the Bindings of the two ends differ")
		}
		if w.lacks.Binding {
			if binding != [32]byte{} {
				w.Fatal("a Binding on a netlayer without one")
			}
		} else if seen[binding] {
			w.Fatal("two connections have the same Binding")
		}
		seen[binding] = true
		w.spawn(func() { out.Close("") })
		w.spawn(func() { in.Close("") })
	}
}

func featuresIntersect(w *world) {
	a := w.host(Host{Features: []string{"one", "two", "three"}})
	b := w.host(Host{Features: []string{"zero", "three", "one"}})
	out, in := w.connect(a, b, dial(b))
	want := []string{"one", "three"}
	if w.lacks.Features {
		want = nil
	}
	for _, c := range []netlayer.Conn{out, in} {
		if got := slices.Sorted(slices.Values(c.Info().Features)); !slices.Equal(got, want) {
			w.Errorf("Features are %q, want %q", got, want)
		}
	}
}

func anonymousDialler(w *world) {
	if w.lacks.Anonymity {
		w.Log("this netlayer has no anonymous dialling; nothing to check")
		return
	}
	a, b := w.host(Host{Anonymous: true}), w.host(Host{})
	seen := map[sturdyref.PeerID]bool{a.Location().ID(): true}
	for range 3 {
		out, in := w.connect(a, b, dial(b))
		o, i := out.Info(), in.Info()
		if !o.Anonymous || !i.Anonymous {
			w.Error("Anonymous is not set at both ends")
		}
		if i.Identity != nil {
			w.Error("an anonymous dialler showed an identity")
		}
		if o.Local.ID() != i.Remote.ID() {
			w.Errorf("the dialler is %v here and %v there", o.Local.ID(), i.Remote.ID())
		}
		if seen[i.Remote.ID()] {
			w.Error("an anonymous dialler used a key twice")
		}
		seen[i.Remote.ID()] = true
	}
}
