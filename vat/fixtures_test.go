package vat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/vat"
)

// bubble runs fn in a synctest bubble. The bubble ends only when every goroutine in it has: a leak fails the test.
func bubble(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, fn)
}

// newVat returns a vat that is closed, and must have ended, when the test ends.
func newVat(t *testing.T, cfg *vat.Config) *vat.Vat {
	t.Helper()
	v := vat.New(cfg)
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// do is vat.Do for what must not fail.
func do[T any](t *testing.T, v *vat.Vat, fn func(ctx context.Context) (T, error)) T {
	t.Helper()
	x, err := vat.Do(context.Background(), v, fn)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

type handler = func(ctx context.Context, args []any) (any, error)

// object spawns a function that gets every message whole.
func object(t *testing.T, v *vat.Vat, fn handler) vat.Ref {
	t.Helper()
	return do(t, v, func(ctx context.Context) (vat.Ref, error) { return vat.SpawnFunc(ctx, fn), nil })
}

// answer sends and waits, outside any turn.
func answer[T any](r vat.Ref, selector string, args ...any) (T, error) {
	ctx := context.Background()
	return vat.Result[T](r.Send(ctx, selector, args...)).Await(ctx)
}

// mustAnswer is answer for what must not fail.
func mustAnswer[T any](t *testing.T, r vat.Ref, selector string, args ...any) T {
	t.Helper()
	x, err := answer[T](r, selector, args...)
	if err != nil {
		t.Fatalf("%s: %v", selector, err)
	}
	return x
}

// journal is an object that notes what it gets, in order. It may be read when the bubble is quiet.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, " ")
}

// spawn makes the journal's object: it notes its arguments and answers with how many messages it has had.
func (j *journal) spawn(t *testing.T, v *vat.Vat) vat.Ref {
	t.Helper()
	return object(t, v, func(_ context.Context, args []any) (any, error) {
		j.add("%s", strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
		return len(j.lines), nil
	})
}

func wantJournal(t *testing.T, j *journal, want string) {
	t.Helper()
	synctest.Wait()
	if got := j.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// wantPanic runs fn, which must panic with a sentence that holds want.
func wantPanic(t *testing.T, want string, fn func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
			t.Errorf("panicked with %q, want %q", got, want)
		}
	}()
	fn()
}

// logs is a logger to look into.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: l, Level: hclog.Info, DisableTime: true})
}

// session is a target as sessions make them: budgeted, severable, counted.
type session struct {
	node vat.Node

	mu      sync.Mutex
	got     []vat.Message
	room    int // what is left
	watch   map[int]func(error)
	unseen  int
	severed error
}

func newSession(room int) (*session, vat.Ref) {
	s := &session{room: room, watch: map[int]func(error){}}
	return s, s.node.Init(s)
}

func (s *session) Deliver(m vat.Message) {
	m.Taken()
	s.mu.Lock()
	s.got = append(s.got, m)
	s.mu.Unlock()
}

func (s *session) Budget() vat.Budget { return s }

func (s *session) Reserve(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room < n {
		return vat.ErrOverloaded
	}
	s.room -= n
	return nil
}

func (s *session) Release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room += n
}

func (s *session) Unseen(*vat.Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unseen++
}

func (s *session) Drop() {}

func (s *session) OnSever(fire func(error)) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.severed != nil {
		defer fire(s.severed)
		return func() {}
	}
	n := len(s.watch)
	s.watch[n] = fire
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watch, n)
	}
}

func (s *session) sever(err error) {
	s.mu.Lock()
	watch := s.watch
	s.watch, s.severed = map[int]func(error){}, err
	s.mu.Unlock()
	for _, fire := range watch {
		fire(err)
	}
}

// methods returns what has been delivered.
func (s *session) methods() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, m := range s.got {
		names = append(names, string(m.Selector))
	}
	return strings.Join(names, " ")
}

func (s *session) message(i int) vat.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[i]
}

func (s *session) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room
}
