// Peer is an OCapN peer with the objects that the public test suite fetches. It prints its locator and serves until it is
// interrupted. It is for conformance tests only: its keys are made anew each time, anybody may use it, and the network it
// is on by default, tcp-testing-only, is insecure.
//
//	go run ./conformance/peer [-netlayer name] [-dialect name] [-listen host:port] [-advertise address] [-framed] [-v]
//
// Netlayers are tcptest, websocket, noisequic and noisetcp. Dialects are those of package wire. What tells on the wire is
// followed in any case; the suite at its two revisions has to be told apart by hand where nothing does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "peer:", err)
		stop()
		os.Exit(1)
	}
}

// run serves until ctx ends; more is published besides the suite's objects, in tests.
func run(ctx context.Context, args []string, out, diagnostics io.Writer, more ...object) (err error) {
	flags := flag.NewFlagSet("peer", flag.ContinueOnError)
	flags.SetOutput(diagnostics)
	var on network
	flags.StringVar(&on.kind, "netlayer", "tcptest", "the `network` to be on: tcptest, websocket, noisequic or noisetcp")
	flags.StringVar(&on.listen, "listen", "127.0.0.1:0", "the `address` to listen at, host:port; TCP, and UDP for noisequic")
	flags.StringVar(&on.advertise, "advertise", "", "the `address` in the locator, if others do not find the peer where it listens: host:port, for websocket a URL")
	flags.BoolVar(&on.framed, "framed", false, "frame messages as Syrup byte strings on connections made by this peer (tcptest)")
	dialect := flags.String("dialect", "", "how operations look until the other side shows what it understands: ocapn-1.0 (default), suite-2026-02, suite-branch or hawser (default of noisequic and noisetcp)")
	verbose := flags.Bool("v", false, "log what happens")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("there are only flags, and %q is none: see -h", flags.Arg(0))
	}
	if *dialect != "" {
		d, ok := wire.Named(*dialect)
		if !ok {
			return fmt.Errorf("there is no dialect %q: use ocapn-1.0, suite-2026-02, suite-branch or hawser", *dialect)
		}
		on.dialect = &d
	}
	if on, err = on.complete(); err != nil {
		return err
	}
	log := hclog.New(&hclog.LoggerOptions{Output: diagnostics, Level: hclog.Error})
	if *verbose {
		log.SetLevel(hclog.Trace)
	}
	own := vat.New(&vat.Config{Name: "home", Logger: log.Named("vat")})
	objects := vat.New(&vat.Config{Name: "suite", Logger: log.Named("vat")})
	defer func() { err = errors.Join(err, objects.Close(), own.Close()) }()
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		return err
	}
	h, err := home.New(home.Config{
		Identity: id, Vat: own, Logger: log.Named("home"), Handoffs: home.HandoffPolicy{Local: true},
	}, func(door netlayer.Doorkeeper) ([]home.Layer, error) {
		layer, err := on.open(id, door, log.Named("net"))
		return []home.Layer{layer}, err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(h.Close(), err) }()
	if err := publish(ctx, h, objects, append(suiteObjects(h), more...)); err != nil {
		return err
	}
	fmt.Fprintln(out, strings.TrimSuffix(h.Location().URI(), "/"))
	// The suite waits for objects it has lent to be given back: the collector is to find them soon.
	collect := time.NewTicker(100 * time.Millisecond)
	defer collect.Stop()
	for {
		select {
		case <-collect.C:
			if len(h.Sessions()) > 0 {
				runtime.GC()
			}
		case <-ctx.Done():
			return nil
		}
	}
}
