package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hawser-go/hawser/examples/play"
)

// TestMain makes the test binary the chat program when it is called chat.
func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // else each process of a test lingers for a second under the race detector
	}
	testscript.Main(m, map[string]func(){"chat": main})
}

// command returns a command that runs the chat program for at most half a minute.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd, err := play.Again(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[0] = "chat"
	return cmd
}

// actor is a chat process of a test.
type actor struct {
	t *testing.T
	*play.Process
}

func begin(t *testing.T, who string, args ...string) *actor {
	t.Helper()
	p, err := play.Start(who, command(t, args...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("everything %s wrote:\n  %s", who, strings.Join(p.Wrote(), "\n  "))
		}
	})
	return &actor{t, p}
}

func (a *actor) says(line string) {
	a.t.Helper()
	if err := a.Say(line); err != nil {
		a.t.Fatal(err)
	}
}

func (a *actor) sees(parts ...string) string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 20*time.Second)
	defer cancel()
	line, err := a.Process.Sees(ctx, parts...)
	if err != nil {
		a.t.Fatal(err)
	}
	return line
}

func (a *actor) ends(code int) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 20*time.Second)
	defer cancel()
	if err := a.Process.Ends(ctx, code); err != nil {
		a.t.Fatal(err)
	}
}

// fails runs the program, which must write nothing but one line about what is wrong.
func fails(t *testing.T, cmd *exec.Cmd, code int, want string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	if strings.Contains(stderr.String(), "mVlsPPMiuPGBzM") {
		t.Error("a secret is in the error")
	}
	if stdout.Len() > 0 {
		t.Errorf("on stdout: %s", &stdout)
	}
	line, end := strings.CutSuffix(stderr.String(), "\n")
	if !end || strings.Contains(line, "\n") || !strings.HasPrefix(line, "chat: ") || !regexp.MustCompile(want).MatchString(line) {
		t.Errorf("on stderr: %q\nwant one line that matches %q", stderr.String(), want)
	}
}

const somebody = "ocapn://zxjtl72poiludbugwm3l2drzgynmionpvxt46rxfn2bkwoztrmdq.hawser/s/mVlsPPMiuPGBzMZx4AZasBcuOMPCi2gkcbJEqSyozjc"

const overWebSocket = "ocapn://or7o4wxyfkhkrm6duhly776c6ky6xelyol3pxyshpn7vehwr75za.websocket/s/mVlsPPMiuPGBzMZx4AZasBcuOMPCi2gkcbJEqSyozjc"

func TestErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args  []string
		input string
		code  int
		want  string
	}{
		"unknown command":       {args: []string{"hots"}, code: 2, want: `no command "hots"`},
		"unknown flag":          {args: []string{"host", "--nik", "x"}, code: 2, want: `-nik: see --help`},
		"too many arguments":    {args: []string{"join", "a", "--nick", "x", "b"}, code: 2, want: `"b" is one argument too many`},
		"nickname":              {args: []string{"host", "--nick", "a b"}, code: 2, want: `would be shown as "a_b"`},
		"no nickname":           {args: []string{"join", "--nick", " ", somebody}, code: 2, want: `letters, digits`},
		"room name":             {args: []string{"host", "--name", "a\nb"}, code: 2, want: `--name must be one line`},
		"malformed URI":         {args: []string{"join"}, input: "ocapn:/x\n", code: 1, want: `begins with ocapn://`},
		"URI of a peer":         {args: []string{"join"}, input: somebody[:strings.Index(somebody, "/s/")] + "\n", code: 1, want: `/s/`},
		"malformed designator":  {args: []string{"join"}, input: "ocapn://abc.hawser/s/xyz?addr=127.0.0.1:9\n", code: 1, want: `52 characters`},
		"other transport":       {args: []string{"join"}, input: "ocapn://abc.onion/s/xyz\n", code: 1, want: `no netlayer for transport "onion"`},
		"no URI":                {args: []string{"join"}, code: 1, want: `no URI was given`},
		"no address":            {args: []string{"join"}, input: somebody + "\n", code: 1, want: `cannot be reached: .*no addr hint`},
		"nobody there":          {args: []string{"join"}, input: somebody + "?addr=127.0.0.1:9\n", code: 1, want: `cannot be reached: it is not running.*127\.0\.0\.1:9`},
		"directory with a ~":    {args: []string{"host", "--dir", "~/chat"}, code: 1, want: `"~/chat": a leading ~`},
		"directory is a file":   {args: []string{"host", "--dir", file}, code: 1, want: `file: not a directory`},
		"address to listen at":  {args: []string{"host", "--listen", "nowhere"}, code: 1, want: `"nowhere", expected host:port`},
		"address for others":    {args: []string{"host", "--advertise", "nowhere"}, code: 1, want: `chat: --advertise: "nowhere" is not host:port`},
		"guest's directory, ~":  {args: []string{"join", "--dir", "~guest", somebody}, code: 1, want: `"~guest": a leading ~`},
		"arguments of the demo": {args: []string{"demo", "now"}, code: 2, want: `one argument too many`},
		"netlayer":              {args: []string{"host", "--netlayer", "quic"}, code: 2, want: `no --netlayer "quic", but noise-quic and websocket`},
		"demo's netlayer":       {args: []string{"demo", "--netlayer", "tcp"}, code: 2, want: `no --netlayer "tcp"`},
		"URL of noise-quic":     {args: []string{"host", "--url", "ws://a"}, code: 2, want: `--url is for --netlayer websocket`},
		"version of noise-quic": {args: []string{"host", "--captp-version", "1.0"}, code: 2, want: `--captp-version is for --netlayer websocket`},
		"version":               {args: []string{"host", "--netlayer", "websocket", "--captp-version", "2"}, code: 2, want: `there are 1.0 and goblins-0.16`},
		"malformed URL":         {args: []string{"host", "--netlayer", "websocket", "--url", "http://a"}, code: 1, want: `chat: --url: not a URL of the form ws://host:port`},
		"advertised websocket":  {args: []string{"host", "--netlayer", "websocket", "--advertise", "a:1"}, code: 2, want: `websocket has --url`},
		"every interface":       {args: []string{"host", "--netlayer", "websocket", "--listen", "0.0.0.0:0"}, code: 2, want: `every interface: say with --url`},
		"websocket to listen":   {args: []string{"host", "--netlayer", "websocket", "--listen", "nowhere"}, code: 1, want: `chat: --listen is "nowhere", expected host:port`},
		"not over websocket":    {args: []string{"join", "--netlayer", "websocket"}, input: somebody + "?addr=127.0.0.1:9\n", code: 2, want: `over noise-quic, not over websocket: leave --netlayer out`},
		"not over noise-quic":   {args: []string{"join", "--netlayer", "noise-quic"}, input: overWebSocket + "?url=ws://127.0.0.1:9\n", code: 2, want: `over websocket, not over noise-quic`},
		"no URL":                {args: []string{"join"}, input: overWebSocket + "\n", code: 1, want: `cannot be reached: .*no url hint`},
		"mailbox without dir":   {args: []string{"host", "--mailbox", file}, code: 2, want: `--mailbox needs a --dir`},
		"mailbox by websocket":  {args: []string{"host", "--netlayer", "websocket", "--dir", dir, "--mailbox", file}, code: 2, want: `--mailbox needs a --dir, and --netlayer noise-quic`},
		"no mailbox file":       {args: []string{"host", "--dir", dir, "--mailbox", filepath.Join(dir, "none")}, code: 1, want: `--mailbox: open .*none: no such file`},
		"empty mailbox file":    {args: []string{"host", "--dir", dir, "--mailbox", file}, code: 1, want: `--mailbox: `},
		"malformed mailbox":     {args: []string{"join", "--dir", dir, "--mailbox", "-"}, input: somebody + "?addr=127.0.0.1:9\nocapn:/x\n", code: 1, want: `--mailbox: .*begins with ocapn://`},
		"no room before":        {args: []string{"join", "--dir", filepath.Join(dir, "new")}, input: "\n", code: 1, want: `no URI was given, and you have been in no room with this --dir`},
		"no websocket there":    {args: []string{"join"}, input: overWebSocket + "?url=ws%3A%2F%2F127.0.0.1%3A9\n", code: 1, want: `cannot be reached: .*127\.0\.0\.1:9`},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t, c.args...)
			cmd.Stdin = strings.NewReader(c.input)
			fails(t, cmd, c.code, c.want)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"--help", "chat demo"},
		{"help", "chat demo"},
		{"host --help", "-advertise"},
		{"join -h", "list of processes"},
		{"demo --help", "exit code 0"},
	} {
		out, err := command(t, strings.Fields(c.args)...).Output()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v\n%s", c.args, err, out)
		}
	}
}

// open starts a host that keeps what it needs in dir, and returns it with its URI.
func open(t *testing.T, args ...string) (*actor, string) {
	t.Helper()
	host := begin(t, "host", append([]string{"host", "--nick", "ada"}, args...)...)
	uri := host.sees("ocapn://")
	host.sees("* you are in")
	return host, uri
}

func TestOccupied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, _ := open(t, "--dir", dir, "--listen", "127.0.0.1:0")
	port, err := os.ReadFile(filepath.Join(dir, "port"))
	if err != nil {
		t.Fatal(err)
	}
	fails(t, command(t, "host", "--dir", dir), 1, "the directory is in use by another .*"+regexp.QuoteMeta(dir))
	fails(t, command(t, "host", "--listen", "127.0.0.1:"+strings.TrimSpace(string(port))), 1, `UDP port \d+ is already in use`)
	web, uri := open(t, "--netlayer", "websocket")
	fails(t, command(t, "host", "--netlayer", "websocket", "--listen", uri[strings.LastIndex(uri, "127.0.0.1:"):]), 1, `TCP port \d+ is already in use`)
	web.says("/quit")
	web.ends(0)
	host.says("/quit")
	host.ends(0)
	// Neither is kept longer than the process.
	host, _ = open(t, "--dir", dir, "--listen", "127.0.0.1:0")
	host.says("/quit")
	host.ends(0)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, uri := open(t, "--dir", dir)
	unknown := command(t, "join", tampered(uri))
	fails(t, unknown, 1, "the host refuses this URI")
	if strings.Contains(tampered(uri), uri) {
		t.Fatal("not tampered with")
	}

	// Once the host has forgotten the room's secret it is another room.
	host.says("/quit")
	host.ends(0)
	if err := os.Remove(filepath.Join(dir, "publications")); err != nil {
		t.Fatal(err)
	}
	host, other := open(t, "--dir", dir)
	if other == uri {
		t.Fatal("the same URI")
	}
	fails(t, command(t, "join", uri), 1, "the host refuses this URI")
	host.says("/quit")
	host.ends(0)
}

func TestRoomsOfOneDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	uris := map[string]string{}
	for range 2 {
		for _, name := range []string{"kitchen", "hall"} {
			host, uri := open(t, "--dir", dir, "--name", name)
			if was := uris[name]; was != "" && was != uri {
				t.Errorf("%s has moved from %s to %s", name, was, uri)
			}
			uris[name] = uri
			host.says("/quit")
			host.ends(0)
		}
	}
	if uris["kitchen"] == uris["hall"] {
		t.Error("two rooms have one URI")
	}
}

func TestGuest(t *testing.T) {
	t.Parallel()
	host, uri := open(t)
	guest := begin(t, "guest", "join", uri, "--nick", "bob")
	guest.sees(`* you are in "lobby" with ada`)
	host.sees("* bob joined")
	for _, l := range []struct{ says, sees string }{
		{"/who", "* here: bob (you), ada"},
		{"/history", "* the room says that nothing was said"},
		{"/help", "* what you type is said to everybody here"},
		{"/bogus \x1b[2J", "* there is no /bogus"},
		{strings.Repeat("x", 5000), "* not sent: the message is longer than 4096 bytes"},
		{strings.Repeat("y", 100_000), "* a line of more than 65536 bytes was skipped"},
		{"\x1b]0;pwned\x07\x1b[2Jhi", "<bob (you)> ␛]0;pwned␇␛[2Jhi"},
	} {
		guest.says(l.says)
		guest.sees(l.sees)
	}
	host.sees("<bob> ␛]0;pwned␇␛[2Jhi")
	// Many lines at once wait for the room to take them: none is lost.
	for range 25 {
		guest.says("again")
	}
	for range 25 {
		host.sees("<bob> again")
	}
	guest.Input.Close()
	guest.ends(0)
	host.sees("* bob left")
	host.Input.Close()
	host.ends(0)
	for _, a := range []*actor{host, guest} {
		if i := strings.IndexByte(strings.Join(a.Wrote(), "\n"), 0x1b); i >= 0 {
			t.Errorf("%s wrote an escape character", a.Who)
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	host := begin(t, "host", "host", "--serve")
	uri := host.sees("ocapn://")
	host.Input.Close()
	guest := begin(t, "guest", "join", "--nick", "bob")
	guest.says(uri)
	guest.sees(`* you are in "lobby" with nobody else`)
	if err := host.Cmd.Process.Signal(os.Interrupt); err != nil {
		t.Skip(err) // Windows has no such signal
	}
	host.ends(0)
	guest.sees("* the host is gone")
	guest.says("/quit")
	guest.ends(0)
}
