package trio_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds each step of a test.
const patience = 30 * time.Second

// settingVariable tells the test binary that it is one of the three; its value is a setting.
const settingVariable = "HAWSER_TRIO"

func TestMain(m *testing.M) {
	if s := os.Getenv(settingVariable); s != "" {
		os.Exit(play(s))
	}
	goleak.VerifyTestMain(m)
}

// process is one of the three, seen from the test.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // what it says; closed when it has ended
	over  bool
}

// start starts one of the three. The test has it end: with leave, with kill, or by its own end.
func start(t *testing.T, s setting) *process {
	t.Helper()
	s.Verbose = testing.Verbose()
	setting, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: s.Role, cmd: exec.Command(os.Args[0]), lines: make(chan string)}
	// The race detector has every process sleep for a second at its end, by default.
	p.cmd.Env = append(os.Environ(), settingVariable+"="+string(setting), "GORACE=atexit_sleep_ms=50 "+os.Getenv("GORACE"))
	p.cmd.Stderr = t.Output()
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.lines <- lines.Text()
		}
	}()
	t.Cleanup(p.kill)
	return p
}

// answer is the line with which a process answers.
type answer struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

// ask gives the process one command and returns its answer.
func (p *process) ask(words ...string) answer {
	p.t.Helper()
	if _, err := io.WriteString(p.in, strings.Join(words, " ")+"\n"); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("%s ended instead of answering %v", p.name, words)
		}
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			p.t.Fatalf("%s answered %v with %q", p.name, words, line)
		}
		return a
	case <-time.After(patience):
		p.t.Fatalf("%s has not answered %v after %v", p.name, words, patience)
	}
	return answer{}
}

// get asks for a T.
func get[T any](p *process, words ...string) (v T) {
	p.t.Helper()
	a := p.ask(words...)
	if a.Error != "" {
		p.t.Fatalf("%s: %v: %s", p.name, words, a.Error)
	}
	if err := json.Unmarshal(a.Value, &v); err != nil {
		p.t.Fatalf("%s: %v: %s: %v", p.name, words, a.Value, err)
	}
	return v
}

// do has a command done that answers with nothing.
func (p *process) do(words ...string) { p.t.Helper(); get[any](p, words...) }

// leave has processes close everything and end, all at once; it fails the test unless all went well in there, with no
// goroutine left over.
func leave(all ...*process) {
	for _, p := range all {
		_ = p.in.Close()
	}
	for _, p := range all {
		p.t.Helper()
		select {
		case line, ok := <-p.lines:
			if ok {
				p.t.Errorf("%s said %q instead of ending", p.name, line)
			}
		case <-time.After(patience):
			p.t.Errorf("%s has not ended after %v", p.name, patience)
			p.kill()
			continue
		}
		if err := p.end(); err != nil {
			p.t.Errorf("%s ended with %v", p.name, err)
		}
	}
}

// kill ends the process at once, with SIGKILL where there are signals, as a power cut would.
func (p *process) kill() {
	if p.over {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.end()
}

func (p *process) end() error {
	p.over = true
	stuck := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer stuck.Stop()
	for range p.lines { // until it has closed its output, as Wait demands
	}
	_ = p.in.Close()
	return p.cmd.Wait()
}
