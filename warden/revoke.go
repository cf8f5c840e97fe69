package warden

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// Where the store has what the office knows besides what was given.
const (
	bucketNotices   = "grant-notices"   // by their ids
	bucketSaid      = "grant-said"      // likewise, by this node about grants of others
	bucketElsewhere = "grant-elsewhere" // likewise, about grants of others
	bucketClock     = "grant-clock"
)

// keyFloor is the latest time that it is known to have been, in seconds.
var keyFloor = []byte("floor")

// Learn takes in a notice: a revocation, or how far somebody's revocations go. It may come from anybody, since it proves
// itself. What was given by a link that is revoked ends: turns that have run stand, and what waits for its turn breaks. When
// Learn returns that is so, and on the disk if the office keeps what it knows; what was known before is none the worse for
// being heard again. The receipt says so in this node's name; there is none of a notice that is of no more use, nor of one
// about grants of another home, which is taken in if they matter here (see Share). An error that matches grant.ErrRefused says
// that the notice is not good, or does not matter here. Learn must not be called in a turn.
func (o *Office) Learn(ctx context.Context, notice []byte) (receipt []byte, err error) {
	type outcome struct {
		receipt []byte
		err     error
	}
	learned := make(chan outcome, 1)
	o.learn(notice, o.matters, func(receipt []byte, err error) { learned <- outcome{receipt, err} })
	select {
	case l := <-learned:
		return l.receipt, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Hear is Learn for those who do not wait: a promise that is fulfilled when the notice has been taken in, with the receipt, or
// an empty byte string if there is none.
func (o *Office) Hear(notice []byte) vat.Ref {
	w := vat.NewVow(nil)
	o.learn(notice, o.matters, func(receipt []byte, err error) {
		if err != nil {
			o.log.Info("a notice was refused", "why", err)
			w.Break(ErrRefused)
			return
		}
		w.Resolve(receipt)
	})
	return w.Ref()
}

// Trust is Hear of a notice that this node's owner has left for it, about whatever home.
func (o *Office) Trust(notice []byte) {
	o.learn(notice, anyHome, func(_ []byte, err error) {
		if err != nil {
			o.log.Warn("a notice in the node's directory was refused", "why", err)
		}
	})
}

func anyHome(grant.Key) bool { return true }

// Revoke makes a notice, the next of the signer's, and learns it; if it is about an object of another node it remembers it, for
// the next to follow from it. The receipt is that of Learn. It must not be called in a turn.
func (o *Office) Revoke(ctx context.Context, signer crypto.Signer, g *grant.Grant, w grant.Withdrawal) (notice, receipt []byte, err error) {
	o.signing.Lock()
	defer o.signing.Unlock()
	by := grant.KeyOf(signer)
	if g.Subject() == o.host {
		notice, err = g.Revoke(signer, w, o.known.Feed(by, g.Subject()))
		if err == nil {
			receipt, err = o.Learn(ctx, notice)
		}
		return notice, receipt, err
	}
	if notice, err = g.Revoke(signer, w, o.said.Feed(by, g.Subject())); err != nil {
		return nil, nil, err
	}
	stored := make(chan error, 1)
	if err := o.note(notice, func(err error) { stored <- err }); err != nil {
		return nil, nil, err
	}
	o.learn(notice, anyHome, func(_ []byte, err error) {
		if err != nil {
			o.log.Warn("what this node has revoked was said, and is not known here", "why", err) // others have left no room
		}
	})
	select {
	case err = <-stored:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return notice, nil, err
}

// note remembers what this node says about grants of others.
func (o *Office) note(notice []byte, done func(error)) error {
	n, err := o.said.Add(notice, o.clock.Now())
	if err != nil || n.Bytes == nil {
		done(nil)
		return err
	}
	o.write(func(b *store.Batch) { b.Put(bucketSaid, n.ID[:], n.Bytes) }, done)
	return nil
}

// learn takes in a notice about a home that matters; done is called, once, when that is on the disk and what it ends has ended.
// fresh says that it is good and was not known.
func (o *Office) learn(notice []byte, matters func(home grant.Key) bool, done func(receipt []byte, err error)) (fresh bool) {
	now := o.clock.Now()
	c, err := grant.ConcernOf(notice)
	if err == nil && !matters(c.Home) {
		err = &grant.Refusal{Reason: grant.Misdirected, What: fmt.Sprintf("grants of %s do not matter here", c.Home)}
	}
	if err != nil {
		done(nil, err)
		return false
	}
	set, bucket := o.setOf(c.Home), bucketNotices
	if c.Home != o.host {
		bucket = bucketElsewhere
	}
	n, err := set.Add(notice, now)
	if err != nil {
		done(nil, err)
		return false
	}
	all := newTasks(func(err error) {
		var receipt []byte
		if err == nil && c.Home == o.host && o.known.Named(c.Name) != nil { // what is of no more use was not verified
			receipt, err = grant.SignReceipt(o.cfg.Signer, c, o.clock.Now())
		}
		done(receipt, err)
	})
	defer all.done(nil)
	// What was learned a moment ago may not be on the disk yet: whoever says it again waits for that, too.
	all.add()
	o.write(func(b *store.Batch) {
		if n.Bytes != nil {
			b.Put(bucket, n.ID[:], n.Bytes)
			putFloor(b, now) // a head is good up to now only
		}
	}, all.done)
	if n.Bytes != nil {
		o.windBy(now.Add(longestWait))
	}
	switch {
	case c.Home == o.host && c.Revokes:
		o.end(c.Link, all)
	case c.Home != o.host && c.By == o.host: // by this node, before its store was lost, or by its owner at a desk
		all.add()
		if err := o.note(notice, all.done); err != nil {
			o.log.Warn("what this node has said is not remembered", "why", err)
		}
	}
	return n.Bytes != nil
}

// end severs what was given by a link, or waits until that is so, as one of some tasks.
func (o *Office) end(link grant.LinkID, all *tasks) {
	var over []*given
	o.mu.Lock()
	for e := range o.links[link] {
		over = append(over, e)
	}
	for e := range o.endings {
		if slices.Contains(e.links, link) {
			over = append(over, e)
		}
	}
	for range over {
		all.add()
	}
	sever := func() {
		for _, e := range over {
			o.sever(e, all.done)
		}
	}
	started := o.started
	if !started {
		o.begins = append(o.begins, sever) // what is in the depot is not to be woken yet
	}
	o.mu.Unlock()
	if started {
		sever()
	}
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

// Known returns what the office has learned. Whoever makes notices asks it for the feed and for heads; what is added to it goes
// by way of Learn.
func (o *Office) Known() *grant.Set { return o.known }

// write stores something beside the depot, or in a store of its own, if there is either; done is called when the disk has it.
func (o *Office) write(fn func(b *store.Batch), done func(error)) {
	if o.depot == nil && o.store == nil {
		done(nil)
		return
	}
	if o.depot == nil {
		s, err := o.store()
		b := new(store.Batch)
		fn(b)
		if err == nil {
			err = s.Submit(b, done)
		}
		if err != nil {
			done(err)
		}
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
		for bucket, of := range map[string]func(home grant.Key) *grant.Set{
			bucketNotices: func(grant.Key) *grant.Set { return o.known }, bucketSaid: func(grant.Key) *grant.Set { return o.said }, bucketElsewhere: o.setOf,
		} {
			var bad error
			keys := make(map[[32]byte]*grant.Set)
			var revocations []func() error
			r.Scan(bucket, nil, func(key, value []byte) bool {
				var c grant.Concern
				if c, bad = grant.ConcernOf(value); bad == nil && len(key) == 32 {
					set, notice := of(c.Home), bytes.Clone(value)
					keys[[32]byte(key)] = set
					if load := func() error { return set.Load(notice, o.clock.Now()) }; c.Revokes {
						revocations = append(revocations, load) // behind the heads: what they count is taken in even when it has lapsed
					} else {
						bad = load()
					}
				}
				return bad == nil
			})
			for _, load := range revocations {
				bad = cmp.Or(bad, load())
			}
			if bad != nil {
				return fmt.Errorf("warden: the store is damaged: a revocation cannot be read: restore it from a backup, or use a new directory: %w", bad)
			}
			for id, set := range keys {
				if !set.Holds(id) {
					old = append(old, stale{bucket, id[:]})
				}
			}
		}
		return nil
	})
	return old, err
}

// lapse drops what is of no more use, and notes how late it is, so that no clock that is set back brings anything back to life.
func (o *Office) lapse(now time.Time) {
	gone := map[string][][32]byte{bucketNotices: o.known.Evict(now), bucketSaid: o.said.Evict(now), bucketElsewhere: o.evictElsewhere(now)}
	if o.depot == nil && len(gone[bucketNotices])+len(gone[bucketSaid])+len(gone[bucketElsewhere]) == 0 {
		return // perhaps nothing was ever stored
	}
	o.write(func(b *store.Batch) {
		putFloor(b, now)
		for bucket, ids := range gone {
			for _, id := range ids {
				b.Delete(bucket, id[:])
			}
		}
	}, func(error) {})
}

func putFloor(b *store.Batch, now time.Time) {
	b.Put(bucketClock, keyFloor, binary.BigEndian.AppendUint64(nil, uint64(now.Unix())))
}
