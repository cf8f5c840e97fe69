package chatroom

import (
	"context"

	"github.com/hawser-go/hawser/vat"
)

// A room tells each member what happens in turns of their own: a member whose connection is stuck, or who does not
// answer, costs the others nothing.

// post queues an event for the member's inbox. Who is too far behind is shown out.
func (m *member) post(ctx context.Context, e event) {
	if m.gone.Get() {
		return
	}
	if len(m.queue.Get()) >= m.room.limits.Behind {
		m.showOut(ctx)
		return
	}
	m.queue.Set(ctx, append(m.queue.Get(), e))
	if !m.telling.Get() {
		m.telling.Set(ctx, true)
		_ = m.tellAll.ApplyOnly(ctx)
	}
}

// deliver sends what is queued, and then, to learn that it has arrived, asks the inbox for its context: messages on one
// reference arrive in order. What happens meanwhile makes the next batch.
func (m *member) deliver(ctx context.Context) {
	defer m.telling.Set(ctx, false)
	for len(m.queue.Get()) > 0 {
		for _, e := range m.queue.Get() {
			switch e.kind {
			case joined:
				_ = m.inbox.UserJoined(ctx, e.user)
			case left:
				_ = m.inbox.UserLeft(ctx, e.user)
			case said:
				_ = m.inbox.NewMessage(ctx, e.user, e.sealed)
			}
		}
		m.queue.Set(ctx, nil)
		if err := m.arrived(ctx); err != nil {
			m.showOut(ctx)
		}
	}
}

// arrived waits until the inbox has taken everything sent so far. It fails if the inbox is none, does not answer in time,
// or if its session has no room.
func (m *member) arrived(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, m.room.limits.Patience, ErrSilent)
	defer cancel()
	_, err := vat.Result[any](m.inbox.Context(ctx).Ref).Await(ctx)
	return err
}

// showOut ends a membership against the member's will. The member is told as far as possible, in a turn of its own
// because that may fail: by the news that it has left itself.
func (m *member) showOut(ctx context.Context) {
	if m.gone.Get() {
		return
	}
	_ = vat.Func(ctx, func(ctx context.Context) { _ = m.inbox.UserLeft(ctx, m.user) }).ApplyOnly(ctx)
	m.leave(ctx)
}
