package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// process is this program run once more, as somebody in the demo, driven by its input and output.
type process struct {
	who   string
	cmd   *exec.Cmd
	input io.WriteCloser
	ended chan struct{} // closed when the process is gone and its output has been read

	mu    sync.Mutex
	lines []string // written and not yet expected
	all   []string
	more  chan struct{} // closed and replaced when there is another line
	err   error         // how the process ended
}

// again returns a command that runs this program once more. It gets an interrupt when ctx ends, and is killed if it does not
// heed that.
func again(ctx context.Context, args ...string) (*exec.Cmd, error) {
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

// start starts the process.
func start(who string, cmd *exec.Cmd) (*process, error) {
	p := &process{who: who, cmd: cmd, ended: make(chan struct{}), more: make(chan struct{})}
	var err error
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, written := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = written, written
	if err = p.cmd.Start(); err != nil {
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
		err := p.cmd.Wait() // returns when all output has been written
		_ = written.Close()
		<-read
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines, p.all = append(p.lines, line), append(p.all, line)
	close(p.more)
	p.more = make(chan struct{})
}

// say types a line.
func (p *process) say(line string) error {
	if _, err := io.WriteString(p.input, line+"\n"); err != nil {
		return fmt.Errorf("%s cannot be told %q: %w", p.who, line, err)
	}
	return nil
}

// sees waits for a line that holds all the parts, in their order, and returns it. Each line is seen once.
func (p *process) sees(ctx context.Context, parts ...string) (string, error) {
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
			return "", fmt.Errorf("%s ended without seeing %q", p.who, parts)
		}
		select {
		case <-more:
		case <-ended:
			ended = nil // look once more at what it wrote last
		case <-ctx.Done():
			return "", fmt.Errorf("%s did not see %q: %w", p.who, parts, context.Cause(ctx))
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

// ends waits for the process to end by itself with the exit code.
func (p *process) ends(ctx context.Context, code int) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return fmt.Errorf("%s did not end: %w", p.who, context.Cause(ctx))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		return fmt.Errorf("%s ended with exit code %d (%v), want %d", p.who, got, p.err, code)
	}
	return nil
}

// stop ends the process if need be, and waits until it is gone.
func (p *process) stop() {
	_ = p.input.Close()
	select {
	case <-p.ended:
		return
	case <-time.After(3 * time.Second):
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintf(os.Stderr, "festival: %s cannot be ended: %v\n", p.who, err)
		return
	}
	<-p.ended
}
