package captp_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// isRemote reports whether err is a peer's error with that code.
func isRemote(err error, code string) bool {
	e, ok := errors.AsType[*vat.Error](err)
	return ok && e.Remote && e.Code == code
}

// codeOf returns the code of the error that a call breaks with.
func codeOf(r vat.Ref) string {
	_, err := result[any](r)
	e, _ := errors.AsType[*vat.Error](err)
	if e == nil {
		return ""
	}
	return e.Code
}

// record is a log that can be read.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func logTo(w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: w, Level: hclog.Debug})
}

var errUser = vat.NewError("user.failed", "it did not work")

// Errors cross by their code; what wraps them, and what has no code, stays here.
func TestErrorsCross(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		nb := w.node("b")
		var log record
		nb.log = logTo(&log)
		a, b := w.meet(w.node("a"), nb)
		var fail error
		b.node.serve("fail", func() error { return fail })
		x := a.fetch("fail")
		call := func(err error) error {
			fail = err
			_, got := result[any](x.Apply(t.Context()))
			return got
		}
		if err := call(errUser); !errors.Is(err, errUser) || err.Error() != errUser.Message {
			t.Error(err)
		}
		if err := call(fmt.Errorf("the password is hunter2: %w", errUser)); !errors.Is(err, errUser) || err.Error() != errUser.Message {
			t.Error(err)
		}
		if err := call(vat.Keep(errUser)); !errors.Is(err, errUser) {
			t.Error(err)
		}
		if err := call(passable.Error{Code: "user.failed", Message: "as a value"}); !errors.Is(err, errUser) {
			t.Error(err)
		}
		for _, local := range []error{
			vat.ErrOverloaded, vat.ErrVatClosed, vat.ErrRevoked, vat.ErrInternal, captp.ErrOtherIdentity, &captp.EndError{Peer: "secret peer"},
		} {
			err := call(local)
			if errors.Is(err, local) || errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v of a peer matches this process's own", err)
			}
			if e, ok := errors.AsType[*vat.Error](err); !ok || !e.Remote || !strings.HasPrefix(e.Code, "hawser.") {
				t.Errorf("%v lost its code", err)
			}
			if _, ok := errors.AsType[*captp.EndError](err); ok {
				t.Errorf("%v of a peer passes for the end of a session", err)
			}
		}
		err := call(errors.New("the password is hunter2"))
		if !isRemote(err, vat.ErrInternal.Code) || errors.Is(err, vat.ErrInternal) {
			t.Errorf("%#v", err)
		}
		id := regexp.MustCompile(`^(?:vat: )?internal error ([0-9a-f]+)$`).FindStringSubmatch(err.Error())
		if id == nil || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("what crossed is %q", err)
		}
		found := false
		for line := range strings.Lines(log.String()) {
			found = found || strings.Contains(line, id[1]) && strings.Contains(line, "hunter2")
		}
		if !found {
			t.Errorf("the log does not tell what %s was:\n%s", id[1], log.String())
		}
	})
}

// What another implementation breaks a promise with comes through unchanged, also by way of a third.
func TestAnyBreakReason(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		n := w.node("n")
		n.serve("give", func(f vat.Ref) { n.offer("far", f) })
		r, _ := w.peer(n)
		r.call(r.fetch("give"), "", 0, 60, importObject(50))
		expect[*msg.Deliver](r)
		_, m := w.meet(n, w.node("m"))
		answer := m.fetch("far").Apply(t.Context())
		d := expect[*msg.Deliver](r)
		if d.To != export(50) {
			t.Fatal(d)
		}
		r.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "break", Args: []any{passable.Symbol("oh-no")}})
		_, err := result[any](answer)
		e, ok := errors.AsType[*vat.Error](err)
		if !ok || e.Reason != passable.Symbol("oh-no") || !e.Remote || e.Code != "" {
			t.Errorf("%#v", err)
		}
		r.bye()
	})
}

// A peer that fails calls on purpose does not fill the log.
func TestLogOfFailuresIsBounded(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		na, nb := w.node("a"), w.node("b")
		var log record
		nb.log = logTo(&log)
		a, b := w.meet(na, nb)
		b.node.serve("fail", func() error { return errors.New("oh dear") })
		fail := a.fetch("fail")
		for range 3000 {
			if _, err := result[any](fail.Apply(t.Context())); !isRemote(err, "hawser.internal") {
				t.Fatal(err)
			}
		}
		if n := strings.Count(log.String(), "oh dear"); n < 10 || n > 30 {
			t.Errorf("3000 failures within a second made %d lines", n)
		}
		time.Sleep(2 * time.Second) // virtual
		_, err := result[any](fail.Apply(t.Context()))
		if m := strings.Fields(err.Error()); !strings.Contains(log.String(), m[len(m)-1]) {
			t.Errorf("%q is not in the log", err)
		}
	})
}
