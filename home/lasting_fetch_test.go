package home_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// What a asks for by a sturdyref of b's, over a session that lasts, and what it sends to that before it is there, arrives once, at whichever of
// its writes b dies.
func TestFetchedWhoeverDies(t *testing.T) {
	ctx := context.Background()
	for at, over := int64(1), false; !over; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
				a, b := newSite(t, net, "a"), newSite(t, net, "b")
				defer func() {
					a.stop()
					b.stop()
					net.Close()
				}()
				a.knows(b)
				swiss := sturdyref.NewSwissNum()
				uri, err := b.home.PublishAs(ctx, "other", swiss, b.root("other"))
				if err != nil {
					t.Fatal(err)
				}
				tell(t, a.actor(), "link", a.actor())
				time.Sleep(time.Second)
				before := b.disk.Writes.Load()
				b.disk.DieAt.Store(before + at)
				_ = a.actor().SendOnly(ctx, "meet", a.home.Enliven(uri))
				time.Sleep(200 * time.Millisecond)
				over = b.disk.Writes.Load() < before+at
				b.kill()
				b.start()
				other := b.root("other")
				if _, err := b.home.PublishAs(ctx, "other", swiss, other); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				got, err := vat.Result[[]string](other.Send(ctx, "lines")).Await(ctx)
				if want := "[2 3 4 5 6 7]"; err != nil || fmt.Sprint(got) != want {
					t.Errorf("b: %v, %v, want %s", got, err, want)
				}
				if bad := a.noted("told 4", "told 6", "told 8"); bad != "" {
					t.Error(bad)
				}
			})
		})
	}
}
