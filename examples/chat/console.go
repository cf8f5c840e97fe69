package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/term"

	"github.com/hawser-go/hawser/examples/chat/chatroom"
)

// console is where the person at this program reads and writes. Whole lines are written, by one goroutine, so that
// nothing is ever mixed up with something else, or with what is being typed.
type console struct {
	in, out, errs *os.File
	lines         *bufio.Reader

	mu       sync.Mutex
	changed  *sync.Cond
	queue    []output
	left     int            // lines left out
	terminal *term.Terminal // of a conversation on a terminal: it keeps what is being typed below what is written
	restore  func()
	closed   bool
	done     chan struct{}
}

// output is a line to be written, to errs instead of out if it is about trouble.
type output struct {
	text    string
	trouble bool
}

const (
	maxUnwritten = 4096     // lines that wait to be written before more are left out
	maxInput     = 64 << 10 // bytes of a line that is read
)

func openConsole() *console {
	c := &console{in: os.Stdin, out: os.Stdout, errs: os.Stderr, restore: func() {}, done: make(chan struct{})}
	c.changed = sync.NewCond(&c.mu)
	c.lines = bufio.NewReaderSize(c.in, maxInput)
	go c.write()
	return c
}

// Close writes what is left, gives the terminal back as it was, and returns when that is done.
func (c *console) Close() {
	c.mu.Lock()
	c.closed = true
	c.changed.Signal()
	c.mu.Unlock()
	<-c.done
	c.restore()
}

func (c *console) interactive() bool {
	return term.IsTerminal(int(c.in.Fd())) && term.IsTerminal(int(c.out.Fd()))
}

// say has a line written. It does not wait: lines that cannot be written fast enough are left out, which is said.
func (c *console) say(format string, args ...any) {
	c.enqueue(output{text: fmt.Sprintf(format, args...)})
}

// Write has the lines of a logger, which may run anywhere, written.
func (c *console) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		c.enqueue(output{text: chatroom.Clean(strings.TrimRight(line, "\r\n")), trouble: true})
	}
	return len(b), nil
}

func (c *console) enqueue(o output) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case len(c.queue) >= maxUnwritten:
		c.left++
	default:
		c.queue = append(c.queue, o)
		c.changed.Signal()
	}
}

// write writes what is in the queue until the console is closed and nothing is left.
func (c *console) write() {
	defer close(c.done)
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && !c.closed {
			c.changed.Wait()
		}
		batch, left, terminal := c.queue, c.left, c.terminal
		c.queue, c.left = nil, 0
		c.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, o := range batch {
			c.writeLine(terminal, o)
		}
		if left > 0 {
			c.writeLine(terminal, output{text: fmt.Sprintf("* %d lines came faster than they could be written and are left out", left)})
		}
	}
}

func (c *console) writeLine(terminal *term.Terminal, o output) {
	to := io.Writer(c.out)
	switch {
	case terminal != nil:
		to = terminal
		if w, h, err := term.GetSize(int(c.out.Fd())); err == nil {
			_ = terminal.SetSize(w, h)
		}
	case o.trouble:
		to = c.errs
	}
	_, _ = io.WriteString(to, o.text+"\n")
}

// ask prompts for a line. On a terminal what is typed is not shown if it is a secret.
func (c *console) ask(ctx context.Context, prompt string, secret bool) (string, error) {
	fd := int(c.in.Fd())
	if !term.IsTerminal(fd) {
		return c.readLine()
	}
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("the terminal cannot be read: %w", err)
	}
	fmt.Fprint(c.errs, prompt)
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // ends with the process if the person does not answer: a read of a terminal cannot be called off
		if secret {
			b, err := term.ReadPassword(fd)
			fmt.Fprintln(c.errs)
			answered <- answer{string(b), err}
			return
		}
		line, err := c.readLine()
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		return a.line, a.err
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		fmt.Fprintln(c.errs)
		return "", context.Cause(ctx)
	}
}

// readLine returns the next line without its end.
func (c *console) readLine() (string, error) {
	line, err := c.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = c.lines.ReadSlice('\n')
		}
		return "", errLongLine
	}
	if len(line) > 0 {
		err = nil
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

var errLongLine = fmt.Errorf("a line of more than %d bytes was skipped", maxInput)

// conversation returns the lines that are typed from now on; it is closed at their end. On a terminal they can be edited,
// and what is written meanwhile appears above.
func (c *console) conversation(ctx context.Context) (<-chan string, error) {
	read := c.readLine
	if c.interactive() {
		fd := int(c.in.Fd())
		before, err := term.MakeRaw(fd)
		if err != nil {
			return nil, fmt.Errorf("the terminal cannot be used: %w", err)
		}
		terminal := term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{c.lines, c.out}, "> ")
		read = terminal.ReadLine
		c.mu.Lock()
		c.terminal, c.restore = terminal, func() {
			_ = term.Restore(fd, before)
			fmt.Fprintln(c.out) // after the prompt
		}
		c.mu.Unlock()
	}
	lines := make(chan string)
	go func() { // as above: ends with its input, or with the process
		defer close(lines)
		for {
			line, err := read()
			if errors.Is(err, errLongLine) {
				c.say("* %v", err)
				continue
			}
			if err != nil {
				return
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines, nil
}

// logger returns a logger that writes through the console, errors only unless asked to say more.
func (c *console) logger(verbose bool) hclog.Logger {
	level := hclog.Error
	if verbose {
		level = hclog.Debug
	}
	return hclog.New(&hclog.LoggerOptions{Name: "hawser", Level: level, Output: c})
}
