package hawser_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// keptBoxes is what the nodes of TestKeptMail are told: sturdyrefs of what is in the directories.
type keptBoxes struct{ Alice, Bob, Public string }

// The directories of a mailbox server, of Bob, and of Alice, who has never met him, written by an earlier version: a letter of Alice's that
// opens a session is in Bob's box. She is answered, and they speak on.
func TestKeptMail(t *testing.T) {
	kept, err := filepath.Abs(filepath.Join("testdata", "dirs", "2"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(kept, "boxes.json")
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		net := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
		dirs := t.TempDir()
		open := func(name string, cfg hawser.Config) *correspondent {
			t.Helper()
			c := &correspondent{t: t}
			cfg.Dir, cfg.LazyRelease, cfg.Network = filepath.Join(dirs, name), true, c.simulated(net)
			var err error
			if c.Node, err = hawser.Open(ctx, &cfg); err != nil {
				t.Fatal(err)
			}
			return c
		}
		parse := func(uri string) sturdyref.Ref {
			t.Helper()
			ref, err := sturdyref.Parse(uri)
			if err != nil {
				t.Fatal(err)
			}
			return ref
		}
		account := func(name, box, public string) *correspondent {
			t.Helper()
			cfg := hawser.Config{Kinds: []vat.Kind{accountKind}, Mailbox: parse(box)}
			if public != "" {
				cfg.PublicDrop = parse(public)
			}
			c := open(name, cfg)
			c.own = durableAccount(t, c.Node)
			return c
		}
		end := func(all ...*correspondent) {
			t.Helper()
			for _, c := range all {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		if *keepDirs {
			var boxes keptBoxes
			server := open("server", hawser.Config{Kinds: mailroom.Kinds()})
			office := keepsMail(t, server).Office(ctx)
			for name, into := range map[string]*string{"alice": &boxes.Alice, "bob": &boxes.Bob} {
				if *into, err = office.NewBox(ctx, name, mailroom.Terms{}).Await(ctx); err != nil {
					t.Fatal(err)
				}
			}
			drop := vat.As[mailroom.BoxRef](server.Enliven(parse(boxes.Bob))).NewDrop(ctx, "public", mailroom.Public)
			if boxes.Public, err = drop.Await(ctx); err != nil {
				t.Fatal(err)
			}
			bob := account("bob", boxes.Bob, boxes.Public)
			uri, err := bob.Publish(ctx, "account", bob.own.Ref)
			if err != nil {
				t.Fatal(err)
			}
			end(bob)
			alice := account("alice", boxes.Alice, "")
			if err := begin(ctx, alice.Node, alice.own, uri.URI()); err != nil {
				t.Fatal(err)
			}
			_ = alice.own.SendOnly(ctx, "inquire")
			time.Sleep(time.Minute)
			end(alice, server)
			keep(t, kept, dirs)
			b, err := json.MarshalIndent(&boxes, "", "\t")
			if err == nil {
				err = os.WriteFile(file, append(b, '\n'), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		} else if err := os.CopyFS(dirs, os.DirFS(kept)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		var boxes keptBoxes
		if err == nil {
			err = json.Unmarshal(b, &boxes)
		}
		if err != nil {
			t.Fatal(err)
		}
		server := open("server", hawser.Config{Kinds: mailroom.Kinds()})
		keepsMail(t, server)
		bob := account("bob", boxes.Bob, boxes.Public)
		if _, err := bob.Publish(ctx, "account", bob.own.Ref); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if r := bob.report(); r.Seen["account inquires"] != 1 {
			t.Errorf("Bob was asked %v", r.Seen)
		}
		end(bob)
		alice := account("alice", boxes.Alice, "")
		time.Sleep(time.Minute)
		bob = account("bob", boxes.Bob, boxes.Public)
		_ = alice.own.SendOnly(ctx, "inquire")
		time.Sleep(time.Hour)
		if r := alice.report(); r.Asked != 2 || r.Told != 2 || len(r.Wrong) > 0 {
			t.Errorf("asked %d, told %d, %q", r.Asked, r.Told, r.Wrong)
		}
		end(alice, bob, server)
		net.Close()
	})
}
