package main

import (
	"bufio"
	"context"
	"crypto"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// place is where a program is, and what it keeps: what keep and join have in common.
type place struct {
	command string
	dir     string
	listen  string
	mailbox string
	page    string
	ask     time.Duration
	signer  crypto.Signer
}

func (p *place) flags(flags *flag.FlagSet) {
	p.command = flags.Name()
	flags.StringVar(&p.dir, "dir", "", "keep everything in this `directory`")
	flags.StringVar(&p.listen, "listen", "", "UDP `address` to listen at, host:port (default every interface, at the port used last)")
	flags.StringVar(&p.mailbox, "mailbox", "", "a `file` with what hawser mailbox new has printed: what others say while this program does not run waits there")
	flags.DurationVar(&p.ask, "ask", time.Minute, "how often to ask those one has met what was revoked, 0 for only when they are met")
	flags.StringVar(&p.page, "page", "127.0.0.1:0", "loopback `address` to serve the page at, host:port; - for none")
}

// open opens the node.
func (p *place) open(ctx context.Context) (*hawser.Node, error) {
	if p.dir == "" {
		return nil, fmt.Errorf("%s: --dir is missing: %w", p.command, errUsage)
	}
	if err := p.identify(ctx); err != nil {
		return nil, err
	}
	cfg := &hawser.Config{
		Dir: p.dir, Listen: p.listen, Kinds: program.Kinds(p.ring),
		Logger: hclog.New(&hclog.LoggerOptions{Name: "hawser", Level: hclog.Error, Output: os.Stderr}),
	}
	if p.mailbox != "" {
		if err := p.boxes(cfg); err != nil {
			return nil, fmt.Errorf("%s: --mailbox: %w", p.command, err)
		}
	}
	node, err := hawser.Open(ctx, cfg)
	if errors.Is(err, vat.ErrUnknownKind) {
		return nil, fmt.Errorf("%s: %s is another program's directory, or a later version's: give %s one of its own", p.command, p.dir, p.command)
	}
	return node, err
}

// identify finds the key by which the person is known, and which signs what is said of their events; the first time it is made.
func (p *place) identify(ctx context.Context) error {
	id, err := hawser.IdentityIn(p.dir)
	if errors.Is(err, hawser.ErrNoIdentity) {
		var node *hawser.Node
		if node, err = hawser.Open(ctx, &hawser.Config{Dir: p.dir, Listen: p.listen}); err != nil {
			return err
		}
		if err = node.Close(); err == nil {
			id, err = hawser.IdentityIn(p.dir)
		}
	}
	if err != nil {
		return err
	}
	p.signer = grant.SignerOf(id)
	return nil
}

// ring is the program's keyring.
func (p *place) ring(key [32]byte) crypto.Signer {
	if grant.KeyOf(p.signer) != key {
		return nil
	}
	return p.signer
}

// boxes reads the owner's and the public URI of a box.
func (p *place) boxes(cfg *hawser.Config) error {
	f, err := os.Open(p.mailbox)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxLine))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		kind, uri, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch kind {
		case "owner":
			cfg.Mailbox, err = sturdyref.Parse(strings.TrimSpace(uri))
		case "public":
			cfg.PublicDrop, err = sturdyref.Parse(strings.TrimSpace(uri))
		}
		if err != nil {
			return err
		}
	}
	if cfg.Mailbox.IsZero() {
		return errors.New("there is no line that begins with owner")
	}
	return nil
}

// hears has somebody hear what was revoked, until the function returned is called.
func (p *place) hears(ctx context.Context, talk *hearsay) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { talk.run(ctx, p.ask) })
	return func() {
		cancel()
		running.Wait()
	}
}

// reached returns what says how many peers get letters of the node, nil if it has no mailbox.
func (p *place) reached(node *hawser.Node) func() int {
	if p.mailbox == "" {
		return nil
	}
	return func() int { return len(node.Correspondents()) }
}

// maxLine is the length of the longest line that is read.
const maxLine = 16 << 10

// typed returns the lines that are typed; it is closed at their end, and after one that is too long, which is said.
func typed(ctx context.Context) <-chan string {
	lines := make(chan string)
	go func() { // ends with its input, or with the process: a read cannot be called off
		defer close(lines)
		in := bufio.NewScanner(os.Stdin)
		in.Buffer(make([]byte, 0, 4096), maxLine)
		for in.Scan() {
			select {
			case lines <- strings.TrimSpace(in.Text()):
			case <-ctx.Done():
				return
			}
		}
		if errors.Is(in.Err(), bufio.ErrTooLong) {
			say("! a line of more than %d bytes was typed: nothing after it is heeded", maxLine)
		}
	}()
	return lines
}

// oneLine returns an error's words, which may be a peer's, as a line that is safe to print.
func oneLine(err error) string { return clean(err.Error()) }

func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, text)
}
