package hawser_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser"
)

// T26: a node whose directory was put back to an earlier state, or that is a copy, writes letters: its peer, who has what was said since over a
// connection or in letters, takes none of it, and both are told. Otherwise what the copy says would pass for what has come before. What letters were
// sealed to so far is destroyed, so that none that has been read is read again.
func TestBackupByMail(t *testing.T) {
	const many = 60 // more than was said since: no acknowledgement is beyond what the copy has said
	for _, c := range []struct {
		name   string
		opened int  // how often the original was opened since the copy was made,
		copied int  // and the copy before it is the one that writes
		mail   bool // what was said since went by mail
	}{
		{"opened as often", 1, 1, false},
		{"opened seldom", 2, 1, false},
		{"opened more often", 1, 2, false},
		{"opened as often, by mail", 1, 1, true},
		{"opened more often, by mail", 1, 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := context.Background()
				net, server, alice, bob := correspondents(t)
				reopen := func() {
					t.Helper()
					var err error
					if bob.Node, err = hawser.Open(ctx, &bob.cfg); err != nil {
						t.Fatal(err)
					}
					bob.own = durableAccount(t, bob.Node)
				}
				end := func() {
					t.Helper()
					if err := bob.Close(); err != nil {
						t.Fatal(err)
					}
				}
				end()
				backup := copyDir(t, bob.cfg.Dir)
				for range c.opened {
					reopen()
					if c.mail {
						net.Partition(alice.host, bob.host)
					}
					time.Sleep(time.Minute)
					for range 5 {
						_ = bob.own.SendOnly(ctx, "inquire")
					}
					time.Sleep(time.Minute)
					if r := bob.report(); r.Told != r.Asked || r.Asked == 0 {
						t.Fatalf("asked %d, told %d", r.Asked, r.Told)
					}
					end()
				}
				before := alice.report()
				bob.cfg.Dir = backup
				keys, err := filepath.Glob(filepath.Join(backup, "prekeys", "*"))
				if err != nil || len(keys) == 0 {
					t.Fatalf("there are no keys of letters: %v", err)
				}
				for i := range c.copied {
					if i > 0 {
						end()
					}
					reopen()
					net.Partition(alice.host, bob.host)
					for range many {
						if i == c.copied-1 {
							_ = bob.own.SendOnly(ctx, "inquire")
						}
					}
					time.Sleep(time.Second)
				}
				time.Sleep(time.Hour)
				if a, b := len(alice.Lasting()), len(bob.Lasting()); a != 0 || b != 0 {
					t.Errorf("%d and %d sessions last, want none", a, b)
				}
				for _, key := range keys {
					if _, err := os.Stat(key); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("what letters were sealed to is there still: %s (%v)", filepath.Base(key), err)
					}
				}
				if r := bob.report(); len(r.Wrong) != many {
					t.Errorf("what waited at Bob's was told %q, want the end of the session", r.Wrong)
				}
				if after := alice.report(); after.Seen["account inquires"] != before.Seen["account inquires"] {
					t.Errorf("the copy was heard: %v, %v", before.Seen, after.Seen)
				}
				if err := errors.Join(alice.Close(), bob.Close(), server.Close()); err != nil {
					t.Error(err)
				}
				net.Close()
			})
		})
	}
}
