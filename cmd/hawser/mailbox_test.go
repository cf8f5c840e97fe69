package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// hawserProgram builds the command.
func hawserProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "hawser")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// mailServer is hawser mailbox serve as a process.
type mailServer struct {
	t       *testing.T
	program string
	dir     string
	process *exec.Cmd
	errs    *bytes.Buffer
	uri     string
}

func (s *mailServer) start() {
	s.t.Helper()
	s.errs = new(bytes.Buffer)
	s.process = exec.Command(s.program, "mailbox", "serve", s.dir, "--listen", "127.0.0.1:0", "--advertise", "")
	s.process.Stderr = s.errs
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	p := s.process
	s.t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	uri, ok := strings.CutPrefix(strings.TrimSpace(line), "server ")
	if err != nil || !ok {
		s.t.Fatalf("%q, %v\n%s", line, err, s.errs)
	}
	if s.uri != "" && s.uri != uri {
		s.t.Errorf("the URI of the server is another one after a restart")
	}
	s.uri = uri
}

// startTo starts a server whose URI goes to a file that others could read.
func (s *mailServer) startTo(path string) {
	s.t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.process = exec.Command(s.program, "mailbox", "serve", "--to", path, s.dir)
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	p := s.process
	s.t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || strings.Contains(line, "/s/") || !strings.Contains(line, path) {
		s.t.Fatalf("%q, %v", line, err)
	}
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(b), "server ocapn://") {
		s.t.Fatalf("%q, %v", b, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		s.t.Errorf("%v, %v", info.Mode(), err)
	}
	s.uri = strings.TrimSpace(strings.TrimPrefix(string(b), "server "))
}

// kill ends the process as kill -9 does.
func (s *mailServer) kill() {
	s.t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.process.Wait()
}

// ask runs a command that asks for the server's URI.
func (s *mailServer) ask(status int, want string, args ...string) string {
	s.t.Helper()
	c := exec.Command(s.program, append([]string{"mailbox"}, args...)...)
	c.Stdin = strings.NewReader(s.uri + "\n")
	out, err := c.CombinedOutput()
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	if got != status || !strings.Contains(string(out), want) {
		s.t.Errorf("hawser mailbox %q: status %d, want %d and %q:\n%s", args, got, status, want, out)
	}
	return string(out)
}

func field(t *testing.T, out, name string) string {
	t.Helper()
	for line := range strings.Lines(out) {
		if uri, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(uri)
		}
	}
	t.Fatalf("no %s in:\n%s", name, out)
	return ""
}

// client is a node that uses boxes.
type client struct {
	t    *testing.T
	node *hawser.Node
}

func newClient(t *testing.T) *client {
	t.Helper()
	node, err := hawser.Open(t.Context(), &hawser.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	return &client{t, node}
}

func (c *client) enliven(uri string) vat.Ref {
	c.t.Helper()
	ref, err := sturdyref.Parse(uri)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.node.Enliven(ref)
}

// TestMailboxServe: two who are never online together and a server that is killed in between; real letters, real processes.
func TestMailboxServe(t *testing.T) {
	s := &mailServer{t: t, program: hawserProgram(t), dir: filepath.Join(t.TempDir(), "boxes")}
	s.start()
	out := s.ask(0, "owner ", "new", "bob")
	owner, public := field(t, out, "owner"), field(t, out, "public")
	if again := s.ask(0, "owner ", "new", "bob"); again != out {
		t.Error("the URIs are others when they are asked for again")
	}

	ctx, now := t.Context(), time.Now()
	person := func() (sturdyref.KeyPair, *mailbox.Sealer) {
		id, err := sturdyref.GenerateIdentity(now)
		if err != nil {
			t.Fatal(err)
		}
		record, err := sturdyref.NewRecord(id, now)
		if err != nil {
			t.Fatal(err)
		}
		prekeys, err := mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: id, Files: mailbox.Dir(t.TempDir())}, now)
		if err != nil {
			t.Fatal(err)
		}
		return id, &mailbox.Sealer{Identity: id, Record: record, Prekeys: prekeys}
	}
	_, alice := person()
	bobID, bob := person()
	secret, err := mailbox.SecretOf(sturdyref.NewSwissNum())
	if err != nil {
		t.Fatal(err)
	}

	// Alice, who has a sturdyref of Bob's, writes.
	a := newClient(t)
	m := &mailbox.Message{Link: [32]byte{1}, From: sturdyref.Dialler, Opens: true, Frames: [][]byte{[]byte("are you there?")}}
	letter, until, err := alice.SealFirst(bobID.Public().Static, secret, m, now)
	if err != nil {
		t.Fatal(err)
	}
	drop := mailroom.NewDropper(vat.As[mailroom.DropRef](a.enliven(public)))
	if err := drop.Drop(ctx, letter, until.Sub(now)); err != nil {
		t.Fatal(err)
	}
	if err := drop.Drop(ctx, make([]byte, mailbox.MaxLetter), time.Hour); !errors.Is(err, mailbox.ErrTooLarge) {
		t.Errorf("a long letter by the public way: %v, want ErrTooLarge", err)
	}
	s.kill()
	s.start()

	// Bob takes it out.
	b := newClient(t)
	opener := &mailbox.Opener{
		Identity: bobID, Prekeys: bob.Prekeys,
		Secrets:       func(id [16]byte) (mailbox.Secret, bool) { return secret, id == secret.ID() },
		Correspondent: func(mailbox.Envelope) (mailbox.Correspondent, error) { return mailbox.Correspondent{}, nil },
	}
	box := vat.As[mailroom.BoxRef](b.enliven(owner))
	got := make(chan mailbox.Delivery, 10)
	draining, stop := context.WithCancel(ctx)
	over := make(chan error, 1)
	drainer := mailroom.NewDrainer(b.node.Vat("mail"), box)
	go func() { over <- drainer.Drain(draining, func(d mailbox.Delivery) { got <- d }) }()
	first := <-got
	l, err := opener.Open(first.Letter, now)
	if err != nil || string(l.Frames[0]) != "are you there?" {
		t.Fatalf("%v, %v", l, err)
	}
	if err := drainer.Leave(ctx, bob.Prekeys.Bundle().Encoded()); err != nil {
		t.Fatal(err)
	}

	// A drop for Alice alone, by which she writes while Bob listens: it comes at once. It has limits of its own.
	uri, err := box.NewDrop(ctx, "a", mailroom.Terms{Letters: 1}).Await(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var own mailbox.Dropper
	var encoded []byte
	for range 50 { // Alice's session with the server that was killed is over as soon as she finds out
		own = mailroom.NewDropper(vat.As[mailroom.DropRef](a.enliven(uri)))
		if encoded, err = own.Bundle(ctx); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := mailbox.VerifyBundle(encoded, bobID.Public())
	if err != nil {
		t.Fatal(err)
	}
	m.First, m.Frames = 1, [][]byte{make([]byte, 500<<10)} // one of the longest letters there are
	if letter, until, err = alice.Seal(bundle, mailbox.Secret{}, m, now); err != nil {
		t.Fatal(err)
	}
	if err := own.Drop(ctx, letter, until.Sub(now)); err != nil {
		t.Fatal(err)
	}
	second := <-got
	if !bytes.Equal(second.Letter, letter) {
		t.Error("another letter has come than the one dropped")
	}
	if err := own.Drop(ctx, letter, time.Hour); !errors.Is(err, mailbox.ErrFull) {
		t.Errorf("one letter too many: %v, want ErrFull", err)
	}
	first.Done()
	for { // Done waits for nothing
		u, err := box.Usage(ctx).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if u.Letters == 1 {
			break
		}
	}
	stop()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := box.RevokeDrop(ctx, "a").Await(ctx); err != nil {
		t.Fatal(err)
	}
	if err := own.Drop(ctx, letter, time.Hour); !errors.Is(err, mailbox.ErrRevoked) {
		t.Errorf("by a drop that was revoked: %v, want ErrRevoked", err)
	}

	// What was not done is there after another kill, and comes first.
	s.kill()
	s.start()
	b2 := newClient(t)
	again, stop2 := context.WithCancel(ctx)
	go func() {
		over <- mailroom.NewDrainer(b2.node.Vat("mail"), vat.As[mailroom.BoxRef](b2.enliven(owner))).Drain(again, func(d mailbox.Delivery) { got <- d })
	}()
	if third := <-got; !bytes.Equal(third.Letter, second.Letter) {
		t.Error("another letter is there than the one that was not done")
	}
	stop2()
	<-over
	s.ask(0, `"bob"`, "list")
	s.ask(0, "", "close", "bob")
	s.ask(1, "no such name", "close", "bob")
	s.ask(0, "letters", "list")

	// One at a time, and an end in order.
	second2 := exec.Command(s.program, "mailbox", "serve", s.dir)
	if out, err := second2.CombinedOutput(); err == nil || !strings.Contains(string(out), "in use by another node") {
		t.Errorf("a second server: %v\n%s", err, out)
	}
	if runtime.GOOS != "windows" {
		if err := s.process.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := s.process.Wait(); err != nil || s.errs.Len() > 0 {
			t.Errorf("interrupted: %v\n%s", err, s.errs)
		}
	}
	s.startTo(filepath.Join(t.TempDir(), "uri"))
	s.ask(0, "letters", "list")
	s.kill()
	s.uri = strings.Replace(s.uri, "/s/", "/s/A", 1)
	s.ask(1, "hawser: ", "list", "--timeout=1s")
}

func TestMailboxMisuse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir() // of a node that keeps other things
	work(t, other, nil)
	for _, c := range []struct {
		name   string
		args   []string
		stdin  string
		status int
		want   string
	}{
		{"nothing", nil, "", 2, "usage:"},
		{"help", []string{"-h"}, "", 0, "usage:"},
		{"help of one", []string{"serve", "-h"}, "", 0, "-listen"},
		{"no such command", []string{"dance"}, "", 2, `"mailbox dance"`},
		{"no such flag", []string{"--json"}, "", 2, "usage:"},
		{"no directory", []string{"serve"}, "", 2, "usage:"},
		{"two directories", []string{"serve", "a", "b"}, "", 2, "usage:"},
		{"a file", []string{"serve", file}, "", 2, "is no directory"},
		{"the directory of another node", []string{"serve", other, "--listen=127.0.0.1:0"}, "", 2, "kind"},
		{"nowhere", []string{"serve", filepath.Join(other, "x"), "--listen=127.0.0.1:nonsense"}, "", 2, "nonsense"},
		{"a URI to nowhere", []string{"serve", "--to", filepath.Join(file, "x"), "--listen=127.0.0.1:0", filepath.Join(t.TempDir(), "y")}, "", 1, "hawser: "},
		{"no name", []string{"new"}, "", 2, "usage:"},
		{"no time", []string{"new", "bob", "--timeout=0"}, "", 2, "--timeout is a time"},
		{"no URI", []string{"new", "bob"}, "", 2, "is wanted on standard input"},
		{"no URI, only a line", []string{"list"}, "\n", 2, "is wanted on standard input"},
		{"what is no URI", []string{"new", "bob"}, "hello\n", 2, "ocapn://"},
		{"a URI in argv", []string{"new", "ocapn://x.hawser/s/secret"}, "", 2, "does not belong into a command line"},
		{"nobody there", []string{"list", "--timeout=200ms"}, "ocapn://" + sturdyref.Designator([32]byte{9}) + ".hawser/s/x?addr=127.0.0.1:9", 1, "hawser: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			_, _ = io.WriteString(w, c.stdin)
			_ = w.Close()
			var out bytes.Buffer
			status := mailboxes(c.args, r, &out, &out)
			if status != c.status || !strings.Contains(out.String(), c.want) {
				t.Errorf("status %d, want %d, and %q in:\n%s", status, c.status, c.want, &out)
			}
			if strings.Contains(out.String(), "/s/") {
				t.Errorf("a secret was printed:\n%s", &out)
			}
		})
	}
}
