package warden

import (
	"bytes"
	"context"
	"crypto"
	"encoding/binary"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// Where a depot's store has what the office knows besides what was given.
const (
	bucketNotices = "grant-notices" // by their ids
	bucketSaid    = "grant-said"    // likewise, by this node about grants of others
	bucketClock   = "grant-clock"
)

// keyFloor is the latest time that it is known to have been, in seconds.
var keyFloor = []byte("floor")

// Learn takes in a notice: a revocation, or how far somebody's revocations go. It may come from anybody, since it proves itself. What
// was given by a link that is revoked ends: turns that have run stand, and what waits for its turn breaks. When Learn returns nil that
// is so, and on the disk if the office keeps what it knows; what was known before is none the worse for being heard again. An
// error that matches grant.ErrRefused says that the notice is not good, or does not matter here. Learn must not be called in a turn.
func (o *Office) Learn(ctx context.Context, notice []byte) error {
	learned := make(chan error, 1)
	if err := o.learn(notice, func(err error) { learned <- err }); err != nil {
		return err
	}
	select {
	case err := <-learned:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Hear is Learn for those who do not wait: a promise that is fulfilled when the notice has been taken in.
func (o *Office) Hear(notice []byte) vat.Ref {
	w := vat.NewVow(nil)
	tell := func(err error) {
		if err != nil {
			o.log.Info("a notice was refused", "why", err)
			w.Break(ErrRefused)
			return
		}
		w.Resolve(true)
	}
	if err := o.learn(notice, tell); err != nil {
		tell(err)
	}
	return w.Ref()
}

// Revoke makes a notice, the next of the signer's, and learns it, if it is about an object of this node; otherwise it remembers it, for the
// next to follow from it. It must not be called in a turn.
func (o *Office) Revoke(ctx context.Context, signer crypto.Signer, g *grant.Grant, w grant.Withdrawal) ([]byte, error) {
	o.signing.Lock()
	defer o.signing.Unlock()
	by := grant.KeyOf(signer)
	if g.Subject() == o.cfg.Host {
		notice, err := g.Revoke(signer, w, o.known.Feed(by, g.Subject()))
		if err == nil {
			err = o.Learn(ctx, notice)
		}
		return notice, err
	}
	notice, err := g.Revoke(signer, w, o.said.Feed(by, g.Subject()))
	if err != nil {
		return nil, err
	}
	n, err := o.said.Add(notice, o.clock.Now())
	if err != nil {
		return nil, err
	}
	stored := make(chan error, 1)
	o.write(func(b *store.Batch) { b.Put(bucketSaid, n.ID[:], n.Bytes) }, func(err error) { stored <- err })
	select {
	case err = <-stored:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return notice, err
}

// learn takes a notice in; done is called once that is on the disk and what it ends has ended, unless there is an error at once.
func (o *Office) learn(notice []byte, done func(error)) error {
	now := o.clock.Now()
	n, err := o.known.Add(notice, now)
	if err != nil {
		return err
	}
	all := newTasks(done)
	defer all.done(nil)
	// What was learned a moment ago may not be on the disk yet: whoever says it again waits for that, too.
	all.add()
	o.write(func(b *store.Batch) {
		if n.Bytes != nil {
			b.Put(bucketNotices, n.ID[:], n.Bytes)
			putFloor(b, now) // a head is good up to now only
		}
	}, all.done)
	if n.Bytes != nil {
		o.wind()
	}
	r, err := grant.ParseRevocation(notice)
	if err != nil {
		return nil // a head
	}
	o.mu.Lock()
	var over []*given
	for e := range o.links[r.Link] {
		over = append(over, e)
	}
	o.mu.Unlock()
	for _, e := range over {
		all.add()
		o.sever(e, all.done)
	}
	return nil
}

// tasks calls a function when all have been done, with the first error.
type tasks struct {
	mu   sync.Mutex
	left int
	err  error
	then func(error)
}

// newTasks returns tasks of which one is there.
func newTasks(then func(error)) *tasks { return &tasks{left: 1, then: then} }

func (t *tasks) add() {
	t.mu.Lock()
	t.left++
	t.mu.Unlock()
}

func (t *tasks) done(err error) {
	t.mu.Lock()
	t.left--
	if t.err == nil {
		t.err = err
	}
	over, err := t.left == 0, t.err
	t.mu.Unlock()
	if over {
		t.then(err)
	}
}

// Notices returns what the office has learned, for others.
func (o *Office) Notices() iter.Seq[grant.Notice] { return o.known.All() }

// Known returns what the office has learned. Whoever makes notices asks it for the feed and for heads; what is added to it goes by way of Learn.
func (o *Office) Known() *grant.Set { return o.known }

// write stores something beside the depot, if there is one; done is called when the disk has it.
func (o *Office) write(fn func(b *store.Batch), done func(error)) {
	if o.depot == nil {
		done(nil)
		return
	}
	if err := o.depot.Update(func(tx *vat.Tx) { fn(tx.Batch()) }, done); err != nil {
		done(err)
	}
}

// stale is a notice in the store that is of no more use.
type stale struct {
	bucket string
	key    []byte
}

// load reads what was stored, and returns what need not be any more.
func (o *Office) load(view View) (old []stale, err error) {
	if view == nil {
		return nil, nil
	}
	err = view(func(r store.Reader) error {
		var floor time.Time
		if b := r.Get(bucketClock, keyFloor); len(b) == 8 {
			floor = time.Unix(int64(binary.BigEndian.Uint64(b)), 0)
		}
		o.clock = grant.NewClock(o.cfg.Now, floor)
		for bucket, set := range map[string]*grant.Set{bucketNotices: o.known, bucketSaid: o.said} {
			var bad error
			keys := make(map[[32]byte]struct{})
			r.Scan(bucket, nil, func(key, value []byte) bool {
				if bad = set.Load(bytes.Clone(value), o.clock.Now()); bad == nil && len(key) == 32 {
					keys[[32]byte(key)] = struct{}{}
				}
				return bad == nil
			})
			if bad != nil {
				return fmt.Errorf("warden: the store is damaged: a revocation cannot be read: restore it from a backup, or use a new directory: %w", bad)
			}
			for n := range set.All() {
				delete(keys, n.ID)
			}
			for id := range keys {
				old = append(old, stale{bucket, id[:]})
			}
		}
		return nil
	})
	return old, err
}

// lapse drops what is of no more use, and notes how late it is, so that no clock that is set back brings anything back to life.
func (o *Office) lapse(now time.Time) {
	gone, said := o.known.Evict(now), o.said.Evict(now)
	o.write(func(b *store.Batch) {
		putFloor(b, now)
		for _, id := range gone {
			b.Delete(bucketNotices, id[:])
		}
		for _, id := range said {
			b.Delete(bucketSaid, id[:])
		}
	}, func(error) {})
}

func putFloor(b *store.Batch, now time.Time) {
	b.Put(bucketClock, keyFloor, binary.BigEndian.AppendUint64(nil, uint64(now.Unix())))
}
