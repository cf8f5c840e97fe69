package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/sturdyref"
)

// mailbox is where what others say to this program waits while it does not run.
type mailbox struct {
	command string // for errors
	file    string
}

func (m *mailbox) flags(flags *flag.FlagSet) {
	m.command = flags.Name()
	flags.StringVar(&m.file, "mailbox", "", "with --dir: a `file` with the owner's URI of your box at a mailbox server (hawser mailbox new); - asks for it")
}

// configure gives the node what it needs to last, if it has a directory.
func (m *mailbox) configure(ctx context.Context, c *console, cfg *hawser.Config) error {
	if cfg.Dir != "" {
		cfg.Kinds = chatroom.Kinds()
	}
	if m.file == "" {
		return nil
	}
	if cfg.Dir == "" || cfg.Networks != nil {
		return fmt.Errorf("%s: --mailbox needs a --dir, and --netlayer %s: %w", m.command, noiseQUIC, errUsage)
	}
	uri, err := m.read(ctx, c)
	if err != nil {
		return fmt.Errorf("--mailbox: %w", err)
	}
	if cfg.Mailbox, err = sturdyref.Parse(uri); err != nil {
		return fmt.Errorf("--mailbox: %w", err)
	}
	return nil
}

// maxURI is more than any URI has.
const maxURI = 16 << 10

// read returns the URI: of what hawser mailbox new prints, the line that begins with owner, or the only one.
func (m *mailbox) read(ctx context.Context, c *console) (string, error) {
	var text string
	if m.file == "-" {
		line, err := c.ask(ctx, "the owner's URI of your mailbox (not shown): ", true)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		text = line
	} else {
		f, err := os.Open(m.file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, maxURI))
		if err != nil {
			return "", err
		}
		text = string(b)
	}
	for line := range strings.Lines(text) {
		if uri, ok := strings.CutPrefix(strings.TrimSpace(line), "owner "); ok {
			return strings.TrimSpace(uri), nil
		}
	}
	return strings.TrimSpace(text), nil
}

// watch says with how many peers the node can exchange letters, as that changes, until ctx ends.
func (m *mailbox) watch(ctx context.Context, c *console, node *hawser.Node) {
	if m.file == "" {
		return
	}
	go func() {
		had := 0
		for tick := time.NewTicker(mailTick); ; {
			if n := len(node.Correspondents()); n != had {
				had = n
				c.say("* by mail you reach %s when they are away, and they you", map[bool]string{true: "one peer", false: fmt.Sprint(n, " peers")}[n == 1])
			}
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
}

// mailTick is how often is looked for peers that mail goes to.
const mailTick = 500 * time.Millisecond
