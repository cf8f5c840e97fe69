package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/conformance"
	"github.com/hawser-go/hawser/sturdyref"
)

// checkConformance is hawser conformance.
func checkConformance(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("hawser conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, "usage: hawser conformance [flags] LOCATOR\n\n"+
			"LOCATOR is that of the peer to check, in quotes because of its &:\n\n")
		for _, n := range networks {
			fmt.Fprintf(stderr, "  %-12s'%s'\n", n.name, n.example)
		}
		fmt.Fprint(stderr, "\n"+
			"The peer must offer the objects of the public OCapN test suite. Exit status 1 if a clause fails, or none does and some are not reached.\n\n")
		flags.PrintDefaults()
	}
	dialect := flags.String("dialect", "", "what to write at first: ocapn-1.0 (default), suite-2026-02, suite-branch or hawser (default of noisequic and noisetcp)")
	timeout := flags.Duration("timeout", 5*time.Minute, "end after this time")
	step := flags.Duration("step", 15*time.Second, "give each check this time")
	format := flags.String("format", "text", "text, json or junit")
	only := flags.String("only", "", "check these clauses only, such as gc-1,gc-2")
	listen := flags.String("listen", "127.0.0.1", "`host` at which the peer can dial us")
	framed := flags.Bool("framed", false, "send each message as a byte string, as Endo does (tcptest)")
	on := flags.String("netlayer", "", "tcptest, websocket, noisequic or noisetcp (default what the locator says)")
	locator, err := positional(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		if locator != "" {
			fmt.Fprintf(stderr, "hawser: %v\n", err)
		}
		return 2
	case *timeout <= 0 || *step <= 0:
		return misused(stderr, "--timeout and --step are times such as 30s, and more than 0")
	}

	cfg := &conformance.Config{Timeout: *timeout, Step: *step}
	if *dialect != "" {
		d, ok := wire.Named(*dialect)
		if !ok {
			return misused(stderr, "there is no dialect %q: see hawser conformance -h", *dialect)
		}
		cfg.Dialect = &d
	}
	if *only != "" {
		cfg.Only = strings.Split(*only, ",")
	}
	write := map[string]func(conformance.Report, io.Writer) error{
		"text": conformance.Report.WriteText, "json": conformance.Report.WriteJSON, "junit": conformance.Report.WriteJUnit,
	}[*format]
	if write == nil {
		return misused(stderr, "there is no format %q: want text, json or junit", *format)
	}
	peer, err := sturdyref.ParsePeer(locator)
	if err != nil {
		return misused(stderr, "%v", err)
	}
	kind, err := networkOf(peer, *on)
	if err != nil {
		return misused(stderr, "%v", err)
	}
	if *framed && kind.name != "tcptest" {
		return misused(stderr, "--framed is about the byte stream of tcptest: on %s messages are framed in any case", kind.name)
	}
	if cfg.Dialect == nil {
		cfg.Dialect = kind.dialect
	}

	target := kind.target(peer, *listen, *framed)
	party, err := target.Open() // if this one works the others will
	if err != nil {
		return misused(stderr, "the peer could not dial us at %q, see --listen: %v", *listen, err)
	}
	_ = party.Close()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := conformance.Run(ctx, target, cfg)
	if err != nil {
		return misused(stderr, "%v", err)
	}
	if err := write(report, stdout); err != nil {
		fmt.Fprintf(stderr, "hawser: the report could not be written: %v\n", err)
		return 1
	}
	if !report.OK() || !report.Conclusive() {
		return 1
	}
	return 0
}

func misused(stderr io.Writer, text string, args ...any) int {
	fmt.Fprintf(stderr, "hawser: "+text+"\n", args...)
	return 2
}

// positional parses flags before and behind the one argument, and returns that.
func positional(flags *flag.FlagSet, args []string) (string, error) {
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return "", errors.New("a locator is wanted")
	}
	argument := flags.Arg(0)
	if err := flags.Parse(flags.Args()[1:]); err != nil {
		return "", err
	}
	if flags.NArg() > 0 {
		return argument, errors.New("one locator is wanted, and there are more arguments")
	}
	return argument, nil
}
