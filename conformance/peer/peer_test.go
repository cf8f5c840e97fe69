package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/tcptest"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for.
const patience = 20 * time.Second

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// serve runs the program until the test ends and returns the locator it prints, and what it says besides.
func serve(t *testing.T, args []string, more ...object) (sturdyref.Peer, *buffer) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	diagnostics, over := new(buffer), make(chan error, 1)
	r, w := io.Pipe()
	go func() {
		err := run(ctx, args, w, diagnostics, more...)
		_ = w.CloseWithError(err)
		over <- err
	}()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-over:
			if err != nil {
				t.Errorf("the peer ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("the peer has not ended")
		}
	})
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("no locator: %v", err)
	}
	peer, err := sturdyref.ParsePeer(strings.TrimSuffix(line, "\n"))
	if err != nil {
		t.Fatalf("the locator %q: %v", line, err)
	}
	return peer, diagnostics
}

// guest is somebody who uses the peer.
type guest struct {
	*home.Home
	vat *vat.Vat
}

func visit(t *testing.T, d wire.Dialect) *guest {
	t.Helper()
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	own, v := vat.New(nil), vat.New(nil)
	h, err := home.New(home.Config{Identity: id, Vat: own, Handoffs: home.HandoffPolicy{Local: true}}, func(door netlayer.Doorkeeper) ([]home.Layer, error) {
		nl, err := tcptest.Open(&tcptest.Config{Doorkeeper: door})
		return []home.Layer{{Netlayer: nl, Dialect: &d, TrustClaims: true}}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(h.Close(), v.Close(), own.Close()); err != nil {
			t.Error(err)
		}
	})
	return &guest{h, v}
}

// fetch enlivens what the peer has under a swiss number.
func (g *guest) fetch(p sturdyref.Peer, swiss string) vat.Ref {
	return g.Enliven(sturdyref.Ref{Peer: p, Swiss: sturdyref.SwissNumOf([]byte(swiss))})
}

// spawn makes a function object.
func (g *guest) spawn(t *testing.T, fn any) vat.Ref {
	t.Helper()
	ref, err := vat.Do(t.Context(), g.vat, func(ctx context.Context) (vat.Ref, error) { return vat.Func(ctx, fn), nil })
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestSmoke(t *testing.T) {
	for _, d := range []wire.Dialect{wire.OCapN10, wire.Suite202602, wire.SuiteBranch, wire.Hawser} {
		for _, framed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s framed %v", d.Name, framed), func(t *testing.T) {
				args := []string{"-dialect", d.Name}
				if framed {
					args = append(args, "-framed")
				}
				peer, diagnostics := serve(t, args)
				if peer.Transport != tcptest.Transport || peer.Designator == "" || peer.Hints["host"] != "127.0.0.1" || peer.Hints["port"] == "" {
					t.Errorf("the locator is %s", peer.URI())
				}
				smoke(t, visit(t, d), peer)
				if said := diagnostics.String(); said != "" {
					t.Errorf("the peer logged %q", said)
				}
			})
		}
	}
}

// smoke has each of the five objects do what the suite's README says.
func smoke(t *testing.T, g *guest, peer sturdyref.Peer) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	spec := []any{passable.Symbol("red"), passable.Symbol("zoomracer")}
	car := g.fetch(peer, carFactoryBuilder).Apply(ctx).Apply(ctx, spec)
	if said, err := vat.Result[string](car.Apply(ctx)).Await(ctx); said != "Vroom! I am a red zoomracer car!" || err != nil {
		t.Errorf("car: %q, %v", said, err)
	}
	noCar := g.fetch(peer, carFactoryBuilder).Apply(ctx).Apply(ctx, spec[:1])
	if _, err := noCar.Await(ctx); err == nil || !strings.Contains(err.Error(), errNoCar.Message) {
		t.Errorf("a car without a model: %v", err)
	}

	mine := g.spawn(t, func(s string) string { return s + " yourself" })
	sent := []any{"text", int64(-7), []byte{1, 2}, passable.Symbol("symbol"), true, mine}
	back, err := vat.Result[[]any](g.fetch(peer, echo).Apply(ctx, sent...)).Await(ctx)
	if !reflect.DeepEqual(back, sent) || err != nil {
		t.Errorf("echo: %v, %v, want %v", back, err, sent)
	}

	heard := make(chan string, 1)
	ear := g.spawn(t, func(s string) {
		select {
		case heard <- s:
		default:
		}
	})
	if err := g.fetch(peer, greeter).ApplyOnly(ctx, ear); err != nil {
		t.Error(err)
	}
	select {
	case s := <-heard:
		if s != "Hello" {
			t.Errorf("greeter: %q", s)
		}
	case <-ctx.Done():
		t.Error("the greeter said nothing")
	}

	for _, ending := range []string{"fulfill", "break"} {
		pair, err := vat.Result[[]any](g.fetch(peer, promiseResolver).Apply(ctx)).Await(ctx)
		if err != nil || len(pair) != 2 {
			t.Fatalf("promise resolver: %v, %v", pair, err)
		}
		if err := pair[1].(vat.Ref).SendOnly(ctx, ending, "the end"); err != nil {
			t.Error(err)
		}
		v, err := vat.Result[any](pair[0].(vat.Ref)).Await(ctx)
		if ending == "fulfill" && (v != "the end" || err != nil) || ending == "break" && (err == nil || !strings.Contains(err.Error(), "the end")) {
			t.Errorf("%s: %v, %v", ending, v, err)
		}
	}

	published, err := g.Publish(ctx, "mine", mine)
	if err != nil {
		t.Fatal(err)
	}
	home := g.fetch(peer, sturdyrefEnlivener).Apply(ctx, msg.SturdyRef{Ref: published})
	if said, err := vat.Result[string](home.Apply(ctx, "greet")).Await(ctx); said != "greet yourself" || err != nil {
		t.Errorf("sturdyref enlivener: %q, %v", said, err)
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-dialect", "none"}, {"-listen", "nowhere"}, {"-listen", "0.0.0.0:0"}, {"-unheard-of"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

// recorder stands between a guest and the peer, and keeps what the peer sends.
type recorder struct {
	to       string
	listener net.Listener
	sent     buffer
	wg       sync.WaitGroup
}

// record returns the locator of a recorder before p.
func record(t *testing.T, p sturdyref.Peer) (*recorder, sturdyref.Peer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{to: net.JoinHostPort(p.Hints["host"], p.Hints["port"]), listener: l}
	r.wg.Go(r.pass)
	t.Cleanup(func() {
		_ = l.Close()
		r.wg.Wait()
	})
	before := p.Clone()
	_, before.Hints["port"], _ = net.SplitHostPort(l.Addr().String())
	return r, before
}

func (r *recorder) pass() {
	for {
		guest, err := r.listener.Accept()
		if err != nil {
			return
		}
		peer, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = guest.Close()
			return
		}
		for _, way := range []struct {
			from, to net.Conn
			out      io.Writer
		}{{guest, peer, peer}, {peer, guest, io.MultiWriter(&r.sent, guest)}} {
			r.wg.Go(func() {
				_, _ = io.Copy(way.out, way.from)
				_ = way.to.Close()
				_ = way.from.Close()
			})
		}
	}
}

// inner is a type whose name is nobody else's business.
type inner struct{ Path string }

// What goes wrong in here is told to peers without what it is like in here: no paths, no Go types, no stacks. What it was
// stands in the log.
func TestErrorsTellNothing(t *testing.T) {
	const path = "/srv/private/keys.db"
	failures := []object{
		{"uncoded", "uncoded", func() (string, error) {
			return "", fmt.Errorf("reading: %w", &fs.PathError{Op: "open", Path: path, Err: os.ErrNotExist})
		}},
		{"panic", "panic", func() string { panic(path) }},
		{"nil", "nil", func() string { var i *inner; return i.Path }},
		{"unpassable", "unpassable", func() any { return func() {} }},
	}
	log := leaks(t, failures, func(ctx context.Context, g *guest, before sturdyref.Peer) []vat.Ref {
		var calls []vat.Ref
		for _, f := range failures {
			calls = append(calls, g.fetch(before, f.swiss).Apply(ctx))
		}
		elsewhere := sturdyref.Peer{Transport: "elsewhere", Designator: "nobody"}
		return append(calls,
			g.fetch(before, carFactoryBuilder).Apply(ctx, 1, 2, 3),
			g.fetch(before, sturdyrefEnlivener).Apply(ctx, msg.SturdyRef{Ref: sturdyref.Ref{Peer: elsewhere, Swiss: sturdyref.SwissNumOf([]byte("none"))}}),
			g.fetch(before, "nothing here").Apply(ctx),
		)
	})
	if !strings.Contains(log, path) {
		t.Errorf("the log does not say what went wrong: %q", log)
	}
}

// The same of arguments that do not fit.
func TestMisfitsTellNothing(t *testing.T) {
	picky := []object{{"picky", "picky", func(map[string]inner, vat.Ref) string { return "" }}}
	leaks(t, picky, func(ctx context.Context, g *guest, before sturdyref.Peer) []vat.Ref {
		return []vat.Ref{
			g.fetch(before, "picky").Apply(ctx, "text", 1),
			g.fetch(before, "picky").Apply(ctx, map[string]any{"a": 1}, 1),
			g.fetch(before, carFactoryBuilder).Apply(ctx).Apply(ctx, "no list"),
			g.fetch(before, sturdyrefEnlivener).Apply(ctx, "no sturdyref"),
			g.fetch(before, greeter).Send(ctx, "method"),
		}
	})
}

// leaks has a peer fail, in several dialects, and fails the test if anything of what it is like inside stands in the bytes
// that the peer sent. It returns the peers' logs.
func leaks(t *testing.T, more []object, fail func(context.Context, *guest, sturdyref.Peer) []vat.Ref) (logs string) {
	for _, d := range []wire.Dialect{wire.OCapN10, wire.Suite202602, wire.Hawser} {
		t.Run(d.Name, func(t *testing.T) {
			peer, diagnostics := serve(t, []string{"-dialect", d.Name}, more...)
			rec, before := record(t, peer)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for i, c := range fail(ctx, visit(t, d), before) {
				v, err := c.Await(ctx)
				if err == nil || ctx.Err() != nil {
					t.Errorf("call %d: %v, %v, want an error of the peer's", i, v, err)
					continue
				}
				if sent := rec.sent.String(); !strings.Contains(sent, err.Error()) {
					t.Errorf("call %d: %q was not seen on the wire", i, err)
				}
			}
			sent := rec.sent.String()
			for _, word := range []string{
				"/srv", "keys.db", "reading", "open ", "goroutine", "nil pointer", ".go:", "runtime", "main.", "vat.", "msg.",
				"inner", "func(", "map[", "interface", "Go type", "github.com",
			} {
				if i := strings.Index(sent, word); i >= 0 {
					t.Errorf("the peer said %q: …%q…", word, sent[max(0, i-120):min(len(sent), i+80)])
				}
			}
			logs += diagnostics.String()
		})
	}
	return logs
}
