package link_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
)

// TestCopiedDirectory starts a process on a copy of the dialler's directory while one on the directory itself is there: the
// newcomer is refused, and what was there before goes on.
func TestCopiedDirectory(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		_, in := meet(t, a, b)
		a.stop()
		twin := &node{t: t, net: w, name: "a", addr: "elsewhere", dir: copied(t, a.dir)}
		a.start()
		talk(t, a.kept[0], in, 10)
		twin.start()
		twin.kept[0].over(t, link.ErrIdentityInUse)
		talk(t, a.kept[0], in, 20)
		b.kill()
		b.start()
		talk(t, a.kept[0], b.kept[0], 30)
		twin.stop()
		// After b was restarted it still knows whom it speaks with.
		b.kill()
		b.start()
		w.Partition(a.host, b.host)
		if err := b.kept[0].await(30); err != nil {
			t.Error(err)
		}
		twin.dir = copied(t, a.dir) // of the same opening as before, but later
		_ = twin.dir.Apply([]*store.Batch{epoch(1)})
		twin.start()
		twin.kept[0].over(t, link.ErrIdentityInUse)
		twin.stop()
		w.Heal(a.host, b.host)
		talk(t, a.kept[0], b.kept[0], 40)
	})
}

// epoch makes a store one that has been opened so many times.
func epoch(n uint64) *store.Batch {
	tx := new(store.Batch)
	tx.Put("hawser", []byte("epoch"), binary.BigEndian.AppendUint64(nil, n))
	return tx
}

// TestCopyAnswers has a process on a copy of the acceptor's directory answer at its address. The dialler does not go on with
// it, and says so; when the right one is there again it does.
func TestCopyAnswers(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		out, _ := meet(t, a, b)
		b.stop()
		twin := &node{t: t, net: w, name: "b", dir: copied(t, b.dir)}
		b.start()
		talk(t, out, b.kept[0], 10)
		b.kill()
		twin.start()
		twin.kept[0].over(t, link.ErrIdentityInUse)
		time.Sleep(time.Minute) // the dialler asks again and again
		twin.stop()
		b.start()
		talk(t, out, b.kept[0], 20)
	})
}

// TestCopiedWhileInUse copies a directory while its process runs. The copy's process counts as a restart; when the first one
// comes again, the two ends find out, and the session is over for all.
func TestCopiedWhileInUse(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		out, in := meet(t, a, b)
		twin := &node{t: t, net: w, name: "a", addr: "elsewhere", dir: copied(t, a.dir)}
		twin.start()
		if err := twin.kept[0].write(10); err != nil {
			t.Fatal(err)
		}
		out.over(t, link.ErrRolledBack)
		in.over(t, link.ErrRolledBack)
		twin.kept[0].over(t, link.ErrGone)
		twin.stop()
	})
}

// TestRestoredBackup puts back what either side's directory was a while ago. Both sides learn, if anything was said since.
func TestRestoredBackup(t *testing.T) {
	renamed := func(dir *memory.Backend) *memory.Backend { // as a restored backup is
		tx := new(store.Batch)
		tx.Put("hawser", []byte("id"), make([]byte, 16))
		if err := dir.Apply([]*store.Batch{tx}); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for name, c := range map[string]struct {
		said    func(restored, other *actor) // since the backup
		renamed bool
		busy    bool // writes a lot before it meets the other again
		goesOn  bool
	}{
		"nothing":                {goesOn: true},
		"it has spoken":          {said: func(r, _ *actor) { _ = r.write(20) }},
		"it was spoken to":       {said: func(_, o *actor) { _ = o.write(20) }},
		"it has spoken, as now":  {said: func(r, _ *actor) { _ = r.write(20) }, busy: true},
		"nothing, another store": {renamed: true},
	} {
		for _, acceptor := range []bool{false, true} {
			for _, early := range []bool{false, true} { // in the first life of its process
				pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
					out, in := meet(t, a, b)
					r, other, rc, oc := a, b, out, in
					if acceptor {
						r, other, rc, oc = b, a, in, out
					}
					if !early {
						r.stop()
						r.start()
						rc = r.kept[0]
						talk(t, rc, oc, 5)
					}
					backup := copied(t, r.dir)
					if c.said != nil {
						c.said(rc, oc)
						time.Sleep(2 * time.Second)
					}
					r.kill()
					if r.dir = backup; c.renamed {
						r.dir = renamed(r.dir)
					}
					time.Sleep(time.Second)
					r.start()
					if len(r.kept) != 1 {
						t.Fatalf("%s: %d links are kept", name, len(r.kept))
					}
					w.Partition(r.host, other.host)
					rc = r.kept[0]
					if c.busy {
						if err := rc.write(100); err != nil {
							t.Fatal(err)
						}
					}
					w.Heal(r.host, other.host)
					if c.goesOn || c.renamed && early { // it had not said yet what store it has, and there is nothing else to tell by
						talk(t, rc, oc, 30)
						return
					}
					rc.over(t, link.ErrRolledBack)
					oc.over(t, link.ErrRolledBack)
				})
			}
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}
