package warden_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/warden"
)

var errEnough = errors.New("enough for once")

// hurried is somebody who gives notices once, and is gone.
type hurried struct {
	other
}

func (p *hurried) Get(ctx context.Context, names []byte) ([][]byte, error) {
	if p.gets > 0 {
		return nil, errEnough
	}
	return p.other.Get(ctx, names)
}

// renounced are large notices by anna, who gives up what was issued by g n times, in the order of their names, without the last quarter of all names.
func renounced(t *testing.T, g *grant.Grant, n int) (notices [][]byte) {
	t.Helper()
	cut := map[grant.LinkID]uint64{}
	for i := range byte(25) {
		cut[grant.LinkID{i}] = 1
	}
	for i := range n {
		b, err := g.Revoke(anna, grant.Withdrawal{Link: g.ID(), Cut: cut, Reason: fmt.Sprint(i)}, grant.Feed{})
		if err != nil {
			t.Fatal(err)
		}
		if c, err := grant.ConcernOf(b); err != nil || c.Name[0] < 0xc0 {
			notices = append(notices, b)
		}
	}
	slices.SortFunc(notices, func(a, b []byte) int { return compareNames(t, a, b) })
	return notices
}

func compareNames(t *testing.T, a, b []byte) int {
	t.Helper()
	x, err := grant.ConcernOf(a)
	y, yErr := grant.ConcernOf(b)
	if err := cmp.Or(err, yErr); err != nil {
		t.Fatal(err)
	}
	return slices.Compare(x.Name[:], y.Name[:])
}

// behind is a revocation by the host whose name comes behind that of another notice.
func behind(t *testing.T, other []byte) (notice []byte, link grant.LinkID) {
	t.Helper()
	g := issue(t, "reader", billie)
	for i := range 100_000 {
		b, err := g.Revoke(host, grant.Withdrawal{Link: g.ID(), Reason: fmt.Sprint(i)}, grant.Feed{})
		if err != nil {
			t.Fatal(err)
		}
		if compareNames(t, other, b) < 0 {
			return b, g.ID()
		}
	}
	t.Fatal("no name comes behind")
	return nil, grant.LinkID{}
}

// fills has somebody learn notices until there is no more room for such.
func fills(t *testing.T, o *warden.Office, notices [][]byte) {
	t.Helper()
	for _, b := range notices {
		if _, err := o.Learn(context.Background(), b); errors.Is(err, grant.Full) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("there is room for all of them")
}

// T23: a holder who has filled the share of their like at two nodes, with something else at each, does not keep what others have revoked from
// getting from one to the other: neither by names that come before theirs, nor when there is no time for more than one question.
func TestT23FullSharesHideNothing(t *testing.T) {
	g := issue(t, "reader", anna)
	all := renounced(t, g, 1000)
	var here, there [][]byte
	for i, b := range all {
		if i%2 == 0 {
			here = append(here, b)
		} else {
			there = append(there, b)
		}
	}
	full := func(n byte, notices [][]byte) *warden.Office {
		o := visitor(n)
		fills(t, o, notices)
		return o
	}
	theirs, link := behind(t, all[len(all)-1])
	t.Run("asked for", func(t *testing.T) {
		a, b := full(10, here), full(11, there)
		learns(t, b, theirs)
		if n, err := a.Exchange(t.Context(), host.key(), &other{Office: b, about: host.key()}); n != 1 || !errors.Is(err, grant.Full) {
			t.Errorf("%d were new, %v", n, err)
		}
		if knows(a, link) != 1 {
			t.Error("it was not learned")
		}
	})
	t.Run("asked for in a hurry", func(t *testing.T) {
		a, b := full(12, here), full(13, there)
		learns(t, b, theirs)
		for i := 0; i < 100 && knows(a, link) == 0; i++ {
			if _, err := a.Exchange(t.Context(), host.key(), &hurried{other{Office: b, about: host.key()}}); !errors.Is(err, errEnough) && !errors.Is(err, grant.Full) {
				t.Fatal(err)
			}
		}
		if knows(a, link) != 1 {
			t.Error("it was not learned in a hundred times")
		}
	})
	t.Run("told", func(t *testing.T) {
		a, b := full(14, here), full(15, there)
		learns(t, a, theirs)
		for i := 0; i < 100 && knows(b, link) == 0; i++ {
			if _, err := a.Exchange(t.Context(), host.key(), &other{Office: b, about: host.key()}); !errors.Is(err, grant.Full) {
				t.Fatal(err)
			}
		}
		if knows(b, link) != 1 {
			t.Error("it was not told in a hundred times")
		}
	})
}
