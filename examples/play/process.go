package play

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Process is a program run once more, as somebody in a demonstration, driven by its input and output. The methods may be called from any
// goroutine.
type Process struct {
	// Who is what it is called in errors.
	Who string
	// Cmd is the command that runs, and Input what it reads.
	Cmd   *exec.Cmd
	Input io.WriteCloser

	ended chan struct{} // closed when the process is gone and its output has been read

	mu    sync.Mutex
	lines []string // written and not yet expected
	all   []string
	more  chan struct{} // closed and replaced when there is another line
	err   error         // how the process ended
}

// Again returns a command that runs this program once more. It gets an interrupt when ctx ends, and is killed if it does not
// heed that.
func Again(ctx context.Context, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Args[0] = os.Args[0]
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
	cmd.WaitDelay = 3 * time.Second
	return cmd, nil
}

func newProcess(who string) *Process {
	return &Process{Who: who, ended: make(chan struct{}), more: make(chan struct{})}
}

// Ended returns a process that is over and has written some lines, of which none has been seen: for tests of what waits for them.
func Ended(who string, lines ...string) *Process {
	p := newProcess(who)
	for _, line := range lines {
		p.add(line)
	}
	close(p.ended)
	return p
}

// Start starts a command, whose output is the Process's from then on. Stop is to be called in the end.
func Start(who string, cmd *exec.Cmd) (*Process, error) {
	p := newProcess(who)
	p.Cmd = cmd
	var err error
	if p.Input, err = p.Cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, written := io.Pipe()
	p.Cmd.Stdout, p.Cmd.Stderr = written, written
	if err = p.Cmd.Start(); err != nil {
		return nil, err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			p.add(lines.Text())
		}
		_, _ = io.Copy(io.Discard, output) // a line too long for the scanner must not stop the process
	}()
	go func() {
		err := p.Cmd.Wait() // returns when all output has been written
		_ = written.Close()
		<-read
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(p.ended)
	}()
	return p, nil
}

func (p *Process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines, p.all = append(p.lines, line), append(p.all, line)
	close(p.more)
	p.more = make(chan struct{})
}

// Say types a line.
func (p *Process) Say(line string) error {
	if _, err := io.WriteString(p.Input, line+"\n"); err != nil {
		return fmt.Errorf("%s cannot be told %q: %w", p.Who, line, err)
	}
	return nil
}

// Sees waits for a line that holds all the parts, in their order, and returns it. Each line is seen once.
func (p *Process) Sees(ctx context.Context, parts ...string) (string, error) {
	ended := p.ended
	for {
		p.mu.Lock()
		i := slices.IndexFunc(p.lines, func(line string) bool { return holds(line, parts) })
		more := p.more
		if i >= 0 {
			line := p.lines[i]
			p.lines = slices.Delete(p.lines, i, i+1)
			p.mu.Unlock()
			return line, nil
		}
		p.mu.Unlock()
		if ended == nil {
			return "", fmt.Errorf("%s ended without seeing %q", p.Who, parts)
		}
		select {
		case <-more:
		case <-ended:
			ended = nil // look once more at what it wrote last
		case <-ctx.Done():
			return "", fmt.Errorf("%s did not see %q: %w", p.Who, parts, context.Cause(ctx))
		}
	}
}

func holds(line string, parts []string) bool {
	for _, part := range parts {
		_, rest, ok := strings.Cut(line, part)
		if !ok {
			return false
		}
		line = rest
	}
	return true
}

// Ends waits for the process to end by itself with the exit code.
func (p *Process) Ends(ctx context.Context, code int) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return fmt.Errorf("%s did not end: %w", p.Who, context.Cause(ctx))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := p.Cmd.ProcessState.ExitCode(); got != code {
		return fmt.Errorf("%s ended with exit code %d (%v), want %d", p.Who, got, p.err, code)
	}
	return nil
}

// Kill ends the process as a power cut does, and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.Cmd.Process.Kill(); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// Wrote returns all lines that the process has written so far, seen or not.
func (p *Process) Wrote() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// Stop ends the process if need be, and waits until it is gone.
func (p *Process) Stop() {
	_ = p.Input.Close()
	select {
	case <-p.ended:
		return
	case <-time.After(3 * time.Second):
	}
	if err := p.Cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintf(os.Stderr, "%s: %s cannot be ended: %v\n", filepath.Base(p.Cmd.Args[0]), p.Who, err)
		return
	}
	<-p.ended
}
