// Peer is an OCapN peer with the objects that the public test suite fetches, on tcp-testing-only. It prints its locator
// and serves until it is interrupted. The network it is on is insecure: it is for conformance tests only.
//
//	go run ./conformance/peer [-dialect name] [-listen host:port] [-framed] [-v]
//
// Dialects are those of package wire. What tells on the wire is followed in any case; the suite at its two revisions has
// to be told apart by hand where nothing does.
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
	"github.com/hawser-go/hawser/netlayer/tcptest"
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
	dialect := flags.String("dialect", wire.OCapN10.Name, "how operations look until the peer shows what it understands: ocapn-1.0, suite-2026-02, suite-branch or hawser")
	listen := flags.String("listen", "127.0.0.1:0", "the TCP address to listen at")
	framed := flags.Bool("framed", false, "frame messages as Syrup byte strings on connections made by this peer")
	verbose := flags.Bool("v", false, "log what happens")
	if err := flags.Parse(args); err != nil {
		return err
	}
	d, ok := wire.Named(*dialect)
	if !ok {
		return fmt.Errorf("there is no dialect %q: use ocapn-1.0, suite-2026-02, suite-branch or hawser", *dialect)
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
		c := &tcptest.Config{Listen: *listen, Doorkeeper: door, Logger: log.Named("net")}
		if *framed {
			c.Framing = tcptest.Framed
		}
		nl, err := tcptest.Open(c)
		return []home.Layer{{Netlayer: nl, Dialect: &d, TrustClaims: true}}, err
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
