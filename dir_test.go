package hawser_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/vat"
)

func TestSameDirSameURI(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "new", "node")
	guest := open(t, nil)
	uri := ""
	for i := range 3 {
		host, err := hawser.Open(ctx, &hawser.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		invite, err := host.Publish(ctx, "greeter", spawnGreeter(t, host))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			uri = invite.URI()
		} else if invite.URI() != uri {
			t.Errorf("after restart %d the URI is another", i)
		}
		// The guest's session with the run before ends by itself; what it enlivens now reaches this one.
		for {
			s, err := vat.Result[string](guest.Enliven(invite).Send(ctx, "greet", "Ada")).Await(ctx)
			if err == nil && s == "hello Ada" {
				break
			}
			if !errors.Is(err, net.ErrClosed) {
				t.Fatal(s, err)
			}
		}
		if err := host.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]os.FileMode{"": 0o700 | os.ModeDir, "identity": 0o600, "publications": 0o600, "port": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestDirIsLocked(t *testing.T) {
	dir := t.TempDir()
	n := open(t, &hawser.Config{Dir: dir})
	_, err := hawser.Open(t.Context(), &hawser.Config{Dir: dir})
	if !errors.Is(err, hawser.ErrDirInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second node in one directory: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, &hawser.Config{Dir: dir})
}

// TestOpenRefuses shows what Open says, in one line each, and that it changes nothing.
func TestOpenRefuses(t *testing.T) {
	ctx := t.Context()
	port := func() string {
		c, err := net.ListenUDP("udp", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, p, _ := net.SplitHostPort(c.LocalAddr().String())
		return p
	}()
	with := func(name, content string) string {
		dir := t.TempDir()
		n, err := hawser.Open(ctx, &hawser.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Publish(ctx, "greeter", spawnGreeter(t, n)); err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  hawser.Config
		says string
	}{
		{"a tilde", hawser.Config{Dir: "~/hawser"}, "leading ~ means your home directory only where a shell has replaced it"},
		{"a file for a directory", hawser.Config{Dir: file}, file},
		{"a damaged identity", hawser.Config{Dir: with("identity", "garbage")}, "damaged"},
		{"an empty identity", hawser.Config{Dir: with("identity", "")}, "damaged"},
		{"damaged publications", hawser.Config{Dir: with("publications", "garbage")}, "damaged"},
		{"no port in port", hawser.Config{Dir: with("port", "many")}, "does not hold a port"},
		{"a port in use", hawser.Config{Listen: ":" + port}, port},
		{"the kept port in use", hawser.Config{Dir: with("port", port)}, port},
		{"no address", hawser.Config{Listen: "nonsense"}, "nonsense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := hawser.Open(ctx, &c.cfg)
			if err == nil {
				_ = n.Close()
				t.Fatal("opened")
			}
			if s := err.Error(); !strings.Contains(s, c.says) || strings.Contains(s, "\n") {
				t.Errorf("says %q, want one line with %q", s, c.says)
			}
			if strings.HasPrefix(c.cfg.Dir, "~") {
				if _, err := os.Stat("~"); err == nil {
					t.Error("made a directory named ~")
				}
			}
			// The lock is free again.
			if d, err := os.Stat(c.cfg.Dir); err == nil && d.IsDir() {
				_, again := hawser.Open(ctx, &c.cfg)
				if errors.Is(again, hawser.ErrDirInUse) {
					t.Error("still locked after it could not be opened")
				}
			}
		})
	}
}

func TestClosedNode(t *testing.T) {
	ctx := t.Context()
	n, other := open(t, nil), open(t, nil)
	invite, err := other.Publish(ctx, "greeter", spawnGreeter(t, other))
	if err != nil {
		t.Fatal(err)
	}
	g := n.Enliven(invite)
	if _, err := g.Send(ctx, "greet", "Ada").Await(ctx); !errors.Is(err, vat.ErrNotReference) {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	for _, r := range []vat.Ref{g, n.Enliven(invite)} {
		if _, err := r.Send(ctx, "greet", "Ada").Await(ctx); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	if _, err := n.Anonymous(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Anonymous after Close: %v", err)
	}
}

func readFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDirIsMadeSafe opens a directory in which a process died while it wrote, and whose files a careless copy has made
// readable for others.
func TestDirIsMadeSafe(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	n := open(t, &hawser.Config{Dir: dir})
	first := publish(t, n, "greeter").URI()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"identity.new-123": "half a key", "publications.new-9": "x", "port.new-": "", "notes": "mine", "identity.bak": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"identity", "publications", "port"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	n = open(t, &hawser.Config{Dir: dir})
	if again := publish(t, n, "greeter").URI(); again != first {
		t.Error("the URI is another")
	}
	if err := ctx.Err(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		theirs := e.Name() == "notes" || e.Name() == "identity.bak"
		if open := info.Mode().Perm()&0o077 != 0; open != theirs && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if got, want := strings.Join(names, " "), "identity identity.bak lock notes port publications"; got != want {
		t.Errorf("files: %s, want %s", got, want)
	}
}

// TestThePortIsKept keeps it also where sturdyrefs name another place, and where only an interface is asked for.
func TestThePortIsKept(t *testing.T) {
	dir := t.TempDir()
	n := open(t, &hawser.Config{Dir: dir, Advertise: []string{"hawser.example:443"}})
	if got := n.Location().Hints["addr"]; got != "hawser.example:443" {
		t.Errorf("advertised %q", got)
	}
	port := strings.TrimSpace(string(readFile(t, dir, "port")))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	listens := func(at, want string) {
		t.Helper()
		n, err := hawser.Open(t.Context(), &hawser.Config{Dir: dir, Listen: at})
		if err != nil {
			t.Fatal(err)
		}
		if got := portOf(n.Location().Hints["addr"]); got != want {
			t.Errorf("told to listen at %q, listens at port %s, want %s", at, got, want)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []string{"", "127.0.0.1:0", ":0", "127.0.0.1:"} {
		listens(at, port)
	}
	// A port that is asked for is the one to be kept.
	c, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	other := portOf(c.LocalAddr().String())
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	listens("127.0.0.1:"+other, other)
	listens("127.0.0.1:0", other)
}

// TestACopiedDir opens a copy of a directory in use: the port says that something is wrong.
func TestACopiedDir(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	n := open(t, &hawser.Config{Dir: dir})
	first := publish(t, n, "greeter").URI()
	if err := os.CopyFS(filepath.Join(copied, "node"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	_, err := hawser.Open(t.Context(), &hawser.Config{Dir: filepath.Join(copied, "node")})
	if err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("a copy beside the original: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	// Alone it is the node.
	n = open(t, &hawser.Config{Dir: filepath.Join(copied, "node")})
	if publish(t, n, "greeter").URI() != first {
		t.Error("a copy has another URI")
	}
}
