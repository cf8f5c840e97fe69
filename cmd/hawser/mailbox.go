package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

const mailboxUsage = `usage: hawser mailbox COMMAND ...

  serve [flags] DIR    keeps letters for those who are away, until it is interrupted
  new [flags] NAME     makes a box, or prints again where it is
  list                 says what is in the boxes
  close NAME           throws a box away with all that is in it

DIR is made if it does not exist, and is for the mailboxes alone. serve prints the server's URI, which new, list and close
ask for (or read from standard input): whoever has it has the boxes.
Exit status 0 if all went well, 1 if the server refused or could not be reached, 2 for wrong usage.

`

// mailboxes is hawser mailbox.
func mailboxes(args []string, stdin *os.File, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("hawser mailbox", flag.ContinueOnError)
	flags.SetOutput(stderr)
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	flags.Usage = func() { fmt.Fprint(stderr, mailboxUsage); flags.PrintDefaults() }
	var c mailboxCommand
	positionals := 1
	switch command {
	case "":
		if err := flags.Parse(args); !errors.Is(err, flag.ErrHelp) {
			flags.Usage()
			return 2
		}
		return 0
	case "serve":
		flags.StringVar(&c.listen, "listen", "", "UDP `address` to listen at, host:port (default every interface, at the port used last)")
		flags.StringVar(&c.advertise, "advertise", "", "`addresses` that go into URIs, host:port, with commas between (default those of the interfaces)")
		flags.BoolVar(&c.tcp, "tcp", false, "listen over TCP, too, at the same port")
		flags.StringVar(&c.to, "to", "", "write the server's URI to a `file` that its owner alone can read, and not to standard output")
	case "new":
		flags.IntVar(&c.terms.Letters, "letters", 0, "hold so many letters at the most (default 10 000)")
		flags.IntVar(&c.terms.Bytes, "bytes", 0, "hold so many bytes at the most (default 256 MiB)")
		flags.DurationVar(&c.timeout, "timeout", 30*time.Second, "give up after this time")
	case "close", "list":
		flags.DurationVar(&c.timeout, "timeout", 30*time.Second, "give up after this time")
		if command == "list" {
			positionals = 0
		}
	default:
		return misused(stderr, "there is no command %q: see hawser mailbox -h", "mailbox "+command)
	}
	var err error
	switch c.args, err = arguments(flags, args, positionals); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2 // flags has said why
	case len(c.args) != positionals:
		flags.Usage()
		return 2
	case command != "serve" && c.timeout <= 0:
		return misused(stderr, "--timeout is a time such as 30s, and more than 0")
	case strings.Contains(strings.Join(c.args, " "), "://"):
		return misused(stderr, "a URI is a secret and does not belong into a command line, where every user of the machine sees it: give it when asked, or on standard input")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if command == "serve" {
		return c.serve(ctx, stdout, stderr)
	}
	return c.ask(ctx, command, stdin, stdout, stderr)
}

// arguments parses flags before, between and behind up to n arguments, and returns those and any that are too many.
func arguments(flags *flag.FlagSet, args []string, n int) (all []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return all, err
		}
		if flags.NArg() == 0 || len(all) >= n {
			return append(all, flags.Args()...), nil
		}
		all, args = append(all, flags.Arg(0)), flags.Args()[1:]
	}
}

type mailboxCommand struct {
	args              []string
	listen, advertise string
	tcp               bool
	to                string
	terms             mailroom.Terms
	timeout           time.Duration
}

// serve is hawser mailbox serve.
func (c *mailboxCommand) serve(ctx context.Context, stdout, stderr io.Writer) int {
	dir := c.args[0]
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return misused(stderr, "%s is no directory", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return misused(stderr, "%v", err)
	}
	cfg := &hawser.Config{Dir: dir, Kinds: mailroom.Kinds(), Listen: c.listen, TCP: c.tcp}
	if c.advertise != "" {
		cfg.Advertise = strings.Split(c.advertise, ",")
	}
	node, err := hawser.Open(ctx, cfg)
	if err != nil {
		return misused(stderr, "%v", err)
	}
	uri, err := serveMailboxes(ctx, node)
	if err == nil && c.to != "" {
		if err = writeSecret(c.to, "server "+uri+"\n"); err == nil {
			_, err = fmt.Fprintf(stdout, "the server's URI is in %s\n", c.to)
		}
	} else if err == nil {
		_, err = fmt.Fprintf(stdout, "server %s\n", uri)
	}
	if err == nil {
		<-ctx.Done()
	}
	if e := node.Close(); err == nil {
		err = e
	}
	if err != nil {
		fmt.Fprintf(stderr, "hawser: %v\n", err)
		return 1
	}
	return 0
}

// writeSecret writes a file that nobody else can read, also if it is there already.
func writeSecret(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = f.Chmod(0o600)
	if err == nil {
		_, err = f.WriteString(content)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// serveMailboxes publishes the boxes of a node, and whatever is made from now on, and returns the URI of the office.
func serveMailboxes(ctx context.Context, node *hawser.Node) (string, error) {
	v, err := node.DurableVat("mailboxes")
	if err != nil {
		return "", err
	}
	host, err := mailroom.Open(ctx, v)
	if err != nil {
		return "", err
	}
	p := &mailPublisher{node}
	all, err := host.Publications(ctx).Await(ctx)
	if err != nil {
		return "", err
	}
	for _, each := range all {
		if _, err := p.Publish(ctx, each.Name, each.Ref); err != nil {
			return "", err
		}
	}
	publisher := mailroom.PublisherFacet.SpawnIn(node.Vat("publisher"), p)
	if _, err := host.Attach(ctx, vat.As[mailroom.PublisherRef](publisher)).Await(ctx); err != nil {
		return "", err
	}
	office, err := host.Office(ctx).Await(ctx)
	if err != nil {
		return "", err
	}
	return p.Publish(ctx, "mailboxes", office)
}

// mailPublisher is a mailroom.Publisher for the objects of a node.
type mailPublisher struct{ node *hawser.Node }

// Publish implements mailroom.Publisher.
func (p *mailPublisher) Publish(ctx context.Context, name string, ref vat.Ref) (string, error) {
	s, err := p.node.Publish(ctx, name, ref)
	if err != nil {
		return "", err
	}
	return s.URI(), nil
}

// Revoke implements mailroom.Publisher.
func (p *mailPublisher) Revoke(ctx context.Context, name string) error {
	if err := p.node.Revoke(ctx, name); !errors.Is(err, hawser.ErrNotPublished) {
		return err
	}
	return nil
}

// ask is what asks a server for something.
func (c *mailboxCommand) ask(ctx context.Context, command string, stdin *os.File, stdout, stderr io.Writer) int {
	server, err := secretURI(ctx, stdin, stderr, "URI of the mailbox server")
	if err != nil {
		return misused(stderr, "%v", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("the server has not answered within %v", c.timeout))
	defer cancel()
	node, err := hawser.Open(ctx, &hawser.Config{Listen: "127.0.0.1:0"})
	if err == nil {
		defer func() { _ = node.Close() }()
		node, err = node.Anonymous()
	}
	if err == nil {
		office := vat.As[mailroom.OfficeRef](node.Enliven(server))
		switch command {
		case "new":
			err = c.newBox(ctx, node, office, stdout)
		case "close":
			_, err = office.CloseBox(ctx, c.args[0]).Await(ctx)
		case "list":
			err = listBoxes(ctx, office, stdout)
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "hawser: %v\n", err)
		return 1
	}
	return 0
}

// newBox is hawser mailbox new.
func (c *mailboxCommand) newBox(ctx context.Context, node *hawser.Node, office mailroom.OfficeRef, stdout io.Writer) error {
	owner, err := office.NewBox(ctx, c.args[0], c.terms).Await(ctx)
	if err != nil {
		return err
	}
	ref, err := sturdyref.Parse(owner)
	if err != nil {
		return err
	}
	public, err := vat.As[mailroom.BoxRef](node.Enliven(ref)).NewDrop(ctx, "public", mailroom.Public).Await(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "owner %s\npublic %s\n", owner, public)
	return err
}

// listBoxes is hawser mailbox list.
func listBoxes(ctx context.Context, office mailroom.OfficeRef, stdout io.Writer) error {
	all, err := office.Boxes(ctx).Await(ctx)
	if err != nil {
		return err
	}
	tab := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tab, "letters\tof\tbytes\tof\t  box\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		u := all[name]
		fmt.Fprintf(tab, "%d\t%d\t%d\t%d\t  %q\n", u.Letters, u.Terms.Letters, u.Bytes, u.Terms.Bytes, name)
	}
	return tab.Flush()
}

// secretURI asks for a sturdyref: without showing it where there is a terminal, or else it is the first line that comes.
func secretURI(ctx context.Context, stdin *os.File, stderr io.Writer, what string) (sturdyref.Ref, error) {
	fd := int(stdin.Fd())
	before, err := term.GetState(fd)
	terminal := err == nil
	if terminal {
		fmt.Fprintf(stderr, "%s (it is not shown): ", what)
	}
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // ends with the process if nobody answers: a read cannot be called off
		if terminal {
			b, err := term.ReadPassword(fd)
			answered <- answer{string(b), err}
			return
		}
		line, err := bufio.NewReader(io.LimitReader(stdin, 32<<10)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		answered <- answer{line, err}
	}()
	var a answer
	select {
	case a = <-answered:
	case <-ctx.Done():
		if terminal {
			_ = term.Restore(fd, before)
		}
		a.err = context.Cause(ctx)
	}
	if terminal {
		fmt.Fprintln(stderr)
	}
	line := strings.TrimPrefix(strings.TrimSpace(a.line), "server ")
	switch {
	case a.err != nil:
		return sturdyref.Ref{}, fmt.Errorf("the %s could not be read: %w", what, a.err)
	case line == "":
		return sturdyref.Ref{}, fmt.Errorf("the %s is wanted on standard input: it is what hawser mailbox serve has printed", what)
	}
	ref, err := sturdyref.Parse(line)
	if err != nil {
		return sturdyref.Ref{}, fmt.Errorf("the %s is none: %w", what, err)
	}
	return ref, nil
}
