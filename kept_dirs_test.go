package hawser_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

var keepDirs = flag.Bool("keep-dirs", false, "have TestKeptDirs write the directories anew that later versions open")

// The directories of two nodes, written by an earlier version, whose accounts have spoken to each other and speak on. In a bubble it is
// always the same year, so that their session does not expire.
func TestKeptDirs(t *testing.T) {
	kept, err := filepath.Abs(filepath.Join("testdata", "dirs", "1"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		net := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
		parent := t.TempDir()
		dirs := map[string]string{"host": filepath.Join(parent, "host"), "guest": filepath.Join(parent, "guest")}
		open := func() (host, guest *correspondent) {
			both := make(map[string]*correspondent)
			for name, dir := range dirs {
				c := &correspondent{t: t}
				cfg := hawser.Config{Dir: dir, LazyRelease: true, Kinds: []vat.Kind{accountKind}, Network: c.simulated(net)}
				var err error
				if c.Node, err = hawser.Open(ctx, &cfg); err != nil {
					t.Fatal(err)
				}
				c.own = durableAccount(t, c.Node)
				both[name] = c
			}
			return both["host"], both["guest"]
		}
		end := func(all ...*correspondent) {
			for _, c := range all {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		if *keepDirs {
			host, guest := open()
			uri, err := host.Publish(ctx, "account", host.own.Ref)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := meet(ctx, guest.Node, guest.own, []string{uri.URI()}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			net.Partition(host.host, guest.host)
			_ = guest.own.SendOnly(ctx, "inquire") // which waits for the host, in the directory
			_ = host.own.SendOnly(ctx, "inquire")
			time.Sleep(time.Second)
			end(host, guest)
			keep(t, kept, parent)
			net.Heal(host.host, guest.host)
		} else if err := os.CopyFS(parent, os.DirFS(kept)); err != nil {
			t.Fatal(err)
		}
		host, guest := open()
		time.Sleep(time.Hour)
		for _, c := range []*correspondent{host, guest} {
			_ = c.own.SendOnly(ctx, "inquire")
			time.Sleep(time.Minute)
			if r := c.report(); r.Asked != 2 || r.Told != 2 || len(r.Wrong) > 0 {
				t.Errorf("asked %d, told %d, %q", r.Asked, r.Told, r.Wrong)
			}
		}
		end(host, guest)
		net.Close()
	})
}

// keep copies the directories in one to where later versions find them, in the place of those that are there.
func keep(t *testing.T, kept, parent string) {
	t.Helper()
	locks, err := filepath.Glob(filepath.Join(parent, "*", "lock"))
	for _, lock := range locks {
		err = errors.Join(err, os.Remove(lock))
	}
	if err = errors.Join(err, os.RemoveAll(kept)); err == nil {
		err = os.CopyFS(kept, os.DirFS(parent))
	}
	if err != nil {
		t.Fatal(err)
	}
}
