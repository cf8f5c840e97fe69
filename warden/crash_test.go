package warden_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// dying is a site whose process dies at some write while it goes through steps, each of which is tried again after that.
type dying struct {
	*site
	holder, inside vat.Ref
	g, counted     *grant.Grant
	ups            int // that were answered
}

func (d *dying) find() {
	d.t.Helper()
	d.inside, _ = d.openLab()
	type ref struct{ vat.Ref }
	h, err := vat.Root(context.Background(), d.m.Vat("holder"), "holder", func(ctx context.Context) (ref, error) {
		return ref{labFacet.Spawn(ctx, &lab{})}, nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.holder = h.Ref
}

// tell is ask, with an end.
func tell[T any](r vat.Ref, selector string, args ...any) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return vat.Result[T](r.Send(ctx, selector, args...)).Await(ctx)
}

// call has the holder send something on a reference that it has, and put the answer's first reference under a name.
func (d *dying) call(on, selector string, args ...any) error {
	_, err := tell[any](d.holder, "call", on, selector, args)
	return err
}

func (d *dying) get(of vat.Ref, name string) vat.Ref {
	r, err := tell[vat.Ref](of, "get", name)
	if err != nil {
		return vat.Ref{}
	}
	return r
}

// begin sends what is answered with a promise that is pending.
func (d *dying) begin(to vat.Ref, selector string, args ...any) error {
	_ = to.Send(context.Background(), selector, args...)
	_, err := tell[int](to, "counted")
	return err
}

var errStep = errors.New("it is not as it should be")

// open has the holder have what a grant opens.
func (d *dying) open(name string, g *grant.Grant) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := d.office.Open(g).Await(ctx)
	if err == nil {
		_, err = tell[any](d.holder, "put", name, r)
	}
	return err
}

func (d *dying) steps() []func() error {
	alike := func(of vat.Ref, a, b string) error {
		if same, err := tell[bool](of, "alike", a, b); err != nil || !same {
			return errors.Join(errStep, err)
		}
		return nil
	}
	return []func() error{
		func() error { return d.open("r", d.g) },
		func() error { // what is reached
			notes, err := tell[[]vat.Ref](d.holder, "call", "r", "make", []any{1})
			if err == nil {
				_, err = tell[any](d.holder, "put", "note", notes[0])
			}
			return err
		},
		func() error { return d.call("r", "put", "note", d.get(d.holder, "note")) }, // it comes home
		func() error { return d.call("r", "put", "holder", d.holder) },              // what is lent
		func() error { return d.begin(d.holder, "later", "p") },
		func() error { _, err := tell[any](d.holder, "share", "r", "p"); return err }, // it crosses while it is pending
		func() error { // as does one of the inside's, in an answer
			_, err := tell[any](d.holder, "ask", "q", "r", "later", []any{"q"})
			return err
		},
		func() error { _, err := tell[any](d.holder, "now", "p", d.get(d.holder, "note")); return err },
		func() error { _, err := tell[any](d.inside, "now", "q", d.get(d.inside, "note")); return err },
		func() error { return alike(d.inside, "p", "note") },
		func() error { return alike(d.holder, "q", "note") },
		func() error { // through the lent proxy, which knows the note, and itself
			_, err := tell[any](d.inside, "call", "holder", "put", []any{"told", d.get(d.inside, "note")})
			return err
		},
		func() error { return alike(d.holder, "told", "note") },
		func() error { return d.open("counted", d.counted) },
		func() error {
			for {
				switch err := d.call("counted", "up"); {
				case errors.Is(err, warden.ErrBeyond):
					return nil
				case err != nil:
					return err
				}
				d.ups++
			}
		},
		func() error {
			_, err := d.office.Learn(context.Background(), d.revoke(anna, d.counted))
			return err
		},
		func() error {
			_, err := d.office.Learn(context.Background(), d.revoke(host, d.g))
			return err
		},
	}
}

// A process that dies at any write goes on where it was, with everything that was said to be so: references reached and lent, pending
// promises in both directions, uses, revocations.
func TestCrashAtEachWrite(t *testing.T) {
	for n, died := 1, true; died; n++ {
		synctest.Test(t, func(t *testing.T) {
			d := &dying{site: &site{t: t}}
			d.g = labGrant(t, anna)
			d.counted = pass(t, labGrant(t, anna, caveats(grant.MaxUses(3))), anna, billie, caveats(grant.MaxUses(5)))
			inBubble(d.site)
			defer d.m.Stop()
			defer func() { d.office.Close() }()
			d.find()
			synctest.Wait()
			d.m.FailWrite(n)
			died = false
			for i := 0; i < len(d.steps()); i++ {
				err := d.steps()[i]()
				synctest.Wait()
				if d.m.Depot().Err() != nil {
					died = true
					d.restart(true)
					d.find()
					i--
					continue
				}
				if err != nil {
					t.Fatalf("died at write %d: step %d: %v", n, i, err)
				}
			}
			d.m.FailWrite(1 << 30) // no more
			for range 2 {
				for _, name := range []string{"r", "note", "q", "told", "counted"} {
					if err := d.call(name, "read"); !errors.Is(err, warden.ErrOver) {
						t.Errorf("died at write %d: %s: %v", n, name, err)
					}
				}
				if _, err := tell[any](d.inside, "call", "holder", "counted", []any{}); !errors.Is(err, warden.ErrOver) {
					t.Errorf("died at write %d: what was lent: %v", n, err)
				}
				if count := must[int](t, d.inside, "counted"); count != 3 || d.ups > 3 {
					t.Errorf("died at write %d: %d uses, %d answered; want 3", n, count, d.ups)
				}
				if pins, err := d.m.Depot().Pinned("grant/"); err != nil || len(pins) != 0 {
					t.Errorf("died at write %d: %d mandates are kept (%v)", n, len(pins), err)
				}
				d.restart(true)
				d.find()
			}
			if t.Failed() {
				died = false
			}
		})
	}
}

// A process that dies when a revocation is on the disk, and not yet what it ends, ends that when it starts.
func TestDiesWhileRevoking(t *testing.T) {
	between := 0
	for n := range 6 {
		durable(t, func(t *testing.T, s *site) {
			inside, g := s.openLab()
			must[any](t, inside, "put", "self", inside)
			must[any](t, s.office.Open(g), "keep", must[vat.Ref](t, inside, "get", "self"))
			synctest.Wait()
			s.m.SlowDisk(time.Second)
			s.office.Hear(s.revoke(host, g))
			time.Sleep(time.Duration(n)*time.Second + 500*time.Millisecond)
			s.restart(true)
			s.openLab()
			synctest.Wait()
			_, err := ask[any](s.office.Open(g), "up")
			pins, bad := s.m.Depot().Pinned("grant/")
			if bad != nil {
				t.Fatal(bad)
			}
			revoked := errors.Is(err, warden.ErrRefused)
			if revoked && len(pins) > 0 {
				t.Errorf("%d writes: the grant was revoked, and %d mandates are kept", n, len(pins))
			}
			if revoked {
				between++
			}
		})
	}
	if between == 0 {
		t.Error("it died too early each time")
	}
}
