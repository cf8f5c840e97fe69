package vat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// collector keeps trace events.
type collector struct {
	mu     sync.Mutex
	events []vat.Event
}

func (c *collector) Trace(e vat.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

func (c *collector) all() []vat.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]vat.Event(nil), c.events...)
}

// find returns the only event of a kind for a method.
func (c *collector) find(t *testing.T, kind, method string) vat.Event {
	t.Helper()
	var found []vat.Event
	for _, e := range c.all() {
		if e.Kind == kind && e.Method == method {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d events %s %q, want 1", len(found), kind, method)
	}
	return found[0]
}

// Every message names the one whose turn sent it, across vats, caretakers, Await and Then.
func TestTraceCauses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := &collector{}
		a := newVat(t, &vat.Config{Name: "a", Tracer: tr})
		b := newVat(t, &vat.Config{Name: "b", Tracer: tr})
		leaf := object(t, b, func(context.Context, []any) (any, error) { return 1, nil })
		caret := do(t, a, func(ctx context.Context) (vat.Ref, error) {
			c, _ := vat.Revocable(ctx, leaf)
			return c, nil
		})
		root := object(t, a, func(ctx context.Context, _ []any) (any, error) {
			if _, err := vat.Result[int](leaf.Send(ctx, "early")).Await(ctx); err != nil {
				return nil, err
			}
			_ = leaf.SendOnly(ctx, "late")
			p := vat.Result[int](caret.Send(ctx, "guarded"))
			promise.Then(ctx, p, func(ctx context.Context, _ int) (int, error) {
				return 0, leaf.SendOnly(ctx, "then")
			})
			return nil, nil
		})
		mustAnswer[any](t, root, "root")
		synctest.Wait()

		begin := tr.find(t, "begin", "root")
		if begin.ID.IsZero() || begin.Where != "a" {
			t.Errorf("root began as %+v", begin)
		}
		for _, m := range []string{"early", "late"} {
			send, got := tr.find(t, "send", m), tr.find(t, "begin", m)
			if send.Cause != begin.ID || got.Cause != begin.ID || send.ID != got.ID || got.Where != "b" {
				t.Errorf("%s: sent as %+v, began as %+v, cause %v wanted", m, send, got, begin.ID)
			}
		}
		if send := tr.find(t, "send", "late"); send.Turn == begin.Turn {
			t.Error("after Await it is a later turn")
		}
		// The caretaker's turn is a link of the chain: root -> guarded (to the caretaker) -> guarded (to the leaf).
		var chain []vat.Event
		for _, e := range tr.all() {
			if e.Kind == "send" && e.Method == "guarded" {
				chain = append(chain, e)
			}
		}
		if len(chain) != 2 || chain[0].Cause != begin.ID || chain[1].Cause != chain[0].ID || chain[1].ID == chain[0].ID {
			t.Errorf("through the caretaker: %+v", chain)
		}
		then := tr.find(t, "send", "then")
		for _, e := range tr.all() {
			if e.Kind == "begin" && e.ID == then.Cause && e.Cause != begin.ID {
				t.Errorf("Then's turn is caused by %v, want %v", e.Cause, begin.ID)
			}
		}
		waits := 0
		for _, e := range tr.all() {
			switch {
			case e.Kind == "wait" && e.ID == begin.ID:
				waits++
			case e.Kind == "resume" && e.ID == begin.ID && e.Turn <= begin.Turn:
				t.Errorf("resumed in turn %d, began in %d", e.Turn, begin.Turn)
			}
		}
		if waits != 1 {
			t.Errorf("%d waits of root, want 1", waits)
		}
	})
}

// What a failing turn would have sent is not in the trace: it was not sent.
func TestTraceOfAFailedTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := &collector{}
		v := newVat(t, &vat.Config{Tracer: tr})
		obj := object(t, v, func(context.Context, []any) (any, error) { return nil, nil })
		_, err := vat.Do(context.Background(), v, func(ctx context.Context) (int, error) { return 0, errors.Join(obj.SendOnly(ctx, "x"), errNope) })
		wantErr(t, err, errNope)
		for _, e := range tr.all() {
			if e.Kind == "send" {
				t.Errorf("%+v", e)
			}
		}
	})
}

// A trace is one JSON object a line; a failure's text is in it, an argument is not.
func TestTraceWriter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var buf bytes.Buffer
		v := newVat(t, &vat.Config{Name: "v", Tracer: vat.NewTraceWriter(&buf)})
		obj := object(t, v, func(context.Context, []any) (any, error) { return nil, errNope })
		_, err := answer[int](obj, "open", "s3cret\n")
		wantErr(t, err, errNope)
		_, _ = answer[int](obj, strings.Repeat("long", 1000))
		v.Close()
		if strings.Contains(buf.String(), "s3cret") {
			t.Error("an argument is in the trace")
		}
		kinds := ""
		for line := range strings.Lines(buf.String()) {
			var e map[string]any
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			if len(line) > 1000 {
				t.Errorf("a line of %d bytes: a peer's method name must not fill the trace", len(line))
			}
			kinds += e["kind"].(string) + " "
			if e["error"] != nil && e["error"] != "nope" {
				t.Errorf("error is %v", e["error"])
			}
		}
		if want := "begin end begin end begin end "; kinds != want { // Do, the call, the long one
			t.Errorf("events %q, want %q", kinds, want)
		}
	})
}

// A writer that fails ends the trace, not the vat.
func TestTraceWriterFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &failing{}
		v := newVat(t, &vat.Config{Tracer: vat.NewTraceWriter(w)})
		for range 3 {
			do(t, v, func(context.Context) (int, error) { return 0, nil })
		}
		if w.n != 1 {
			t.Errorf("written to %d times after the first failure", w.n-1)
		}
	})
}

type failing struct{ n int }

func (f *failing) Write([]byte) (int, error) {
	f.n++
	return 0, errors.New("full")
}
