package vat_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// onSever watches r and notes what it is told.
func onSever(t *testing.T, v *vat.Vat, j *journal, name string, r vat.Ref) (stop func()) {
	return do(t, v, func(ctx context.Context) (func(), error) {
		return vat.OnSever(ctx, r, func(ctx context.Context, reason error) {
			_ = vat.Self(ctx) // it is a turn
			j.add("%s:%v", name, reason)
		}), nil
	})
}

// The ways in which a reference may stop leading anywhere, watched before, or when it has happened already.
func TestOnSever(t *testing.T) {
	for _, when := range []string{"before", "already", "stopped"} {
		for _, what := range []string{"session", "promise breaks", "revoked", "promise for a far one", "revoked elsewhere", "caretaker of far"} {
			t.Run(when+" "+what, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					v := newVat(t, nil)
					s, far := newSession(1)
					w := vat.NewVow(nil)
					var r vat.Ref
					var happen func()
					switch what {
					case "session":
						r, happen = far, func() { s.sever(errNope) }
					case "promise breaks":
						r, happen = w.Ref(), func() { w.Break(errNope) }
					case "promise for a far one":
						r, happen = w.Ref(), func() { w.Resolve(far); s.sever(errNope) }
					case "revoked", "revoked elsewhere":
						home := v
						if what == "revoked elsewhere" {
							home = newVat(t, nil)
						}
						g := guard(t, home, (&journal{}).spawn(t, v))
						r, happen = g.caret, func() { g.revoke(context.Background(), errNope) }
					case "caretaker of far":
						g := guard(t, v, guard(t, v, far).caret)
						r, happen = g.caret, func() { s.sever(errNope); g.revoke(context.Background(), nil) }
					}
					j := &journal{}
					if when == "already" {
						happen()
						onSever(t, v, j, "x", r)
					} else {
						stop := onSever(t, v, j, "x", r)
						if when == "stopped" {
							stop()
							stop()
						}
						synctest.Wait()
						if j.String() != "" {
							t.Errorf("told %q before it happened", j)
						}
						happen()
					}
					happen() // again changes nothing
					want := "x:nope"
					switch {
					case when == "stopped":
						want = ""
						if len(s.watch) != 0 {
							t.Error("the session is still watched")
						}
					case what == "revoked" || what == "revoked elsewhere":
						want = "x:" + vat.ErrRevoked.Message + ": nope"
					case when == "already" && what == "caretaker of far":
						want = "x:" + vat.ErrRevoked.Message
					}
					wantJournal(t, j, want)
				})
			})
		}
	}
}

// Near objects are never severed, and a promise that leads to one is watched no longer.
func TestOnSeverNear(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		j := &journal{}
		obj := j.spawn(t, v)
		w := vat.NewVow(nil)
		onSever(t, v, j, "near", obj)
		onSever(t, v, j, "null", vat.Ref{})
		onSever(t, v, j, "promise", w.Ref())
		w.Resolve(obj)
		v.Close()
		wantJournal(t, j, "")
	})
}

// The watch begins when the turn commits; one of a turn that fails does not begin.
func TestOnSeverInAFailingTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		s, far := newSession(1)
		_, err := vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
			vat.OnSever(ctx, far, func(context.Context, error) { t.Error("told") })
			return 0, errNope
		})
		wantErr(t, err, errNope)
		s.sever(errNope)
		// Stopped in the turn that began it: the session is not watched for nothing.
		s2, far2 := newSession(1)
		do(t, v, func(ctx context.Context) (int, error) {
			vat.OnSever(ctx, far2, func(context.Context, error) { t.Error("told") })()
			return 0, nil
		})
		if len(s2.watch) != 0 {
			t.Error("the session is watched for nothing")
		}
		s2.sever(errNope)
		synctest.Wait()
	})
}

// Being told is not refused for the length of the queue.
func TestOnSeverWhenOverloaded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, &vat.Config{MaxQueue: 1})
		s, far := newSession(1)
		j := &journal{}
		onSever(t, v, j, "x", far)
		release, held := make(chan struct{}), make(chan struct{})
		busy := object(t, v, func(context.Context, []any) (any, error) { close(held); <-release; return nil, nil })
		idle := j.spawn(t, v)
		_ = busy.ApplyOnly(context.Background())
		<-held
		if err := idle.ApplyOnly(context.Background(), "waits"); err != nil {
			t.Error(err)
		}
		s.sever(errNope)
		close(release)
		wantJournal(t, j, "waits x:nope")
	})
}

// Nobody waits for what the function does: if its turn fails the log says so.
func TestOnSeverFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &logs{}
		v := newVat(t, &vat.Config{Logger: l.logger()})
		s, far := newSession(1)
		_, full := newSession(0)
		do(t, v, func(ctx context.Context) (int, error) {
			vat.OnSever(ctx, far, func(ctx context.Context, _ error) { _ = full.SendOnly(ctx, "x") })
			return 0, nil
		})
		s.sever(errNope)
		synctest.Wait()
		if !strings.Contains(l.String(), "a function given to vat.OnSever failed") {
			t.Errorf("logged %q", l)
		}
	})
}

// A watch stopped before its turn commits leaves nothing on the promise, which may stay pending for long.
func TestOnSeverStoppedAtOnce(t *testing.T) {
	v := newVat(t, nil)
	w := vat.NewVow(nil)
	gone := make(chan struct{})
	do(t, v, func(ctx context.Context) (int, error) {
		x := new([1 << 10]byte)
		runtime.AddCleanup(x, func(c chan struct{}) { close(c) }, gone)
		vat.OnSever(ctx, w.Ref(), func(context.Context, error) { x[0]++ })()
		return 0, nil
	})
	for end := time.Now().Add(5 * time.Second); ; {
		runtime.GC()
		select {
		case <-gone:
			runtime.KeepAlive(w)
			return
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatal("the promise still holds the function")
		}
	}
}

// A promise may lead to a caretaker, from any goroutine, while that is being revoked.
func TestOnSeverRace(t *testing.T) {
	for range 100 {
		bubble(t, func(t *testing.T) {
			v, other := newVat(t, nil), newVat(t, nil)
			j := &journal{}
			g := guard(t, other, j.spawn(t, other))
			w := vat.NewVow(nil)
			stop := onSever(t, v, j, "x", w.Ref())
			go w.Resolve(g.caret)
			go g.revoke(context.Background(), nil)
			go func() {
				_, _ = vat.Do(context.Background(), other, func(ctx context.Context) (int, error) { g.revoke(ctx, nil); return 0, nil })
			}()
			synctest.Wait()
			stop()
			wantJournal(t, j, "x:"+vat.ErrRevoked.Message)
		})
	}
}
