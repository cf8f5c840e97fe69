package mailroom

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/vat"
)

// NewDropper returns a drop as those who write letters use it. Its methods wait, and so are for goroutines that run no turn.
func NewDropper(drop DropRef) mailbox.Dropper { return dropper{drop} }

type dropper struct{ ref DropRef }

// Drop implements mailbox.Dropper.
func (d dropper) Drop(ctx context.Context, letter []byte, keep time.Duration) error {
	if err := mailbox.CheckSize(len(letter)); err != nil {
		return err
	}
	const day = 24 * time.Hour
	_, err := d.ref.Drop(ctx, letter, int((keep+day-1)/day)).Await(ctx)
	return refusal(err)
}

// Bundle implements mailbox.Dropper.
func (d dropper) Bundle(ctx context.Context) ([]byte, error) {
	b, err := d.ref.Bundle(ctx).Await(ctx)
	return b, refusal(err)
}

// refusal says what a server has refused in the words of package mailbox, too.
func refusal(err error) error {
	for _, r := range []struct{ code, is error }{
		{ErrFull, mailbox.ErrFull}, {ErrExpired, mailbox.ErrExpired}, {ErrTooLarge, mailbox.ErrTooLarge}, {ErrRevoked, mailbox.ErrRevoked},
	} {
		if errors.Is(err, r.code) {
			return &refused{r.is, err}
		}
	}
	return err
}

// refused is a refusal by a server, which says why in its own words.
type refused struct{ is, said error }

func (r *refused) Error() string   { return r.said.Error() }
func (r *refused) Unwrap() []error { return []error{r.is, r.said} }

// NewDrainer returns a box as its owner takes letters out of it. v is a vat of this process, where what the box talks to lives. Its
// methods wait, and so are for goroutines that run no turn.
func NewDrainer(v *vat.Vat, b BoxRef) mailbox.Drainer { return drainer{v, b} }

type drainer struct {
	vat *vat.Vat
	ref BoxRef
}

// Leave implements mailbox.Drainer.
func (d drainer) Leave(ctx context.Context, bundle []byte) error {
	_, err := d.ref.Leave(ctx, bundle).Await(ctx)
	return refusal(err)
}

// ErrReplaced ends a Drain when there is a newer one of the same box.
var ErrReplaced = errors.New("mailroom: another subscriber gets the letters of this box from now on")

// Drain implements mailbox.Drainer.
func (d drainer) Drain(ctx context.Context, deliver func(mailbox.Delivery)) error {
	s := &subscriber{wake: make(chan struct{}, 1)}
	defer s.end(errDrained)
	ref := vat.As[SubscriberRef](SubscriberFacet.SpawnIn(d.vat, s))
	stop, err := vat.Do(ctx, d.vat, func(ctx context.Context) (func(), error) {
		return vat.OnSever(ctx, d.ref.Ref, func(_ context.Context, reason error) { s.end(reason) }), nil
	})
	if err != nil {
		return err
	}
	defer stop()
	round, err := d.ref.Subscribe(ctx, ref).Await(ctx)
	if err != nil {
		return refusal(err)
	}
	letters, bytes := 0, 0 // that were got, and the box does not know
	for {
		p, ok, err := s.next()
		if letters > 0 && (!ok || letters >= maxFlying/4 || bytes >= maxFlyingBytes/4) {
			d.ref.Got(context.Background(), round, letters, bytes)
			letters, bytes = 0, 0
		}
		switch {
		case ok:
			deliver(mailbox.Delivery{Letter: p.letter, Done: sync.OnceFunc(func() { p.done.Done(context.Background()) })})
			letters, bytes = letters+1, bytes+len(p.letter)
			continue
		case err != nil:
			return err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

var errDrained = fmt.Errorf("mailroom: nobody drains the box: %w", net.ErrClosed)

// subscriber takes what a box pushes, in turns, to the goroutine that drains it.
type subscriber struct {
	wake chan struct{} // has one element when there is something new

	mu    sync.Mutex
	queue []pushed
	size  int
	over  error
}

type pushed struct {
	letter []byte
	done   LetterRef
}

// Letter implements Subscriber. A server that pushes more than it may ends the subscription.
func (s *subscriber) Letter(_ context.Context, content []byte, done LetterRef) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over != nil:
		return ErrRevoked
	case len(s.queue) >= 2*maxFlying || s.size+len(content) > 2*maxFlyingBytes:
		s.over = fmt.Errorf("mailroom: the box pushes more than %d letters that were not got", 2*maxFlying)
	default:
		s.queue = append(s.queue, pushed{content, done})
		s.size += len(content)
	}
	s.notify()
	return nil
}

// Replaced implements Subscriber.
func (s *subscriber) Replaced(context.Context) { s.end(ErrReplaced) }

// end has next return an error once the queue is empty.
func (s *subscriber) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over == nil {
		s.over = err
	}
	s.notify()
}

func (s *subscriber) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next takes a letter out of the queue, or says that there is none and why there will be no more.
func (s *subscriber) next() (pushed, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return pushed{}, false, s.over
	}
	p := s.queue[0]
	s.queue = s.queue[1:]
	s.size -= len(p.letter)
	return p, true, nil
}
