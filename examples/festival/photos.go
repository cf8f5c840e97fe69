package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/examples/festival/photos"
)

const photosUsage = `Albums of photos, without a server: every owner shares their own, and there is no root.

  festival photos open --dir D    your albums, those of others that you read, and those that you keep, sealed, for others
  festival photos demo            run two owners, a reader, her friend and a keeper as processes

  festival photos open --help     says more
`

func photosCommand(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, photosUsage)
		return fmt.Errorf("photos: open or demo: %w", errUsage)
	}
	switch args[0] {
	case "open":
		return photosOpen(ctx, args[1:])
	case "demo":
		return photosDemo(ctx, args[1:])
	case "help", "-h", "-help", "--help":
		fmt.Print(photosUsage)
		return flag.ErrHelp
	}
	return fmt.Errorf("photos: no command %q: there are open and demo: %w", clean(args[0]), errUsage)
}

const photosOpenHelp = `festival photos open opens your albums, or begins with none. It prints your key, by which others invite you, and takes commands, a
line each: help lists them. It is the same program for everybody: owners, readers and keepers. While it runs your albums can be read
by whoever you have invited, and sealed photos be had by anybody who knows their names, without being readable for that.
`

func photosOpen(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("photos open", flag.ContinueOnError)
	cfg := photos.Config{Logger: hclog.New(&hclog.LoggerOptions{Name: "hawser", Level: hclog.Error, Output: os.Stderr})}
	flags.StringVar(&cfg.Dir, "dir", "", "keep everything in this `directory`, which is for this program alone")
	flags.StringVar(&cfg.Listen, "listen", "", "UDP `address` to listen at, host:port (default every interface, at the port used last)")
	every := flags.Duration("sync", 5*time.Minute, "how often owners are asked what is new of what you keep for them; 0 for never")
	if err := parse(flags, args, photosOpenHelp); err != nil {
		return err
	}
	if cfg.Dir == "" {
		return fmt.Errorf("photos open: --dir is missing: %w", errUsage)
	}
	p, err := photos.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer p.Close()
	say("key %s", p.Key())
	v := &viewer{p}
	commands := v.commands()
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	if *every > 0 {
		background.Go(func() { v.keepUp(ctx, max(*every, time.Second)) })
	}
	for lines := typed(ctx); ; {
		select {
		case <-ctx.Done():
			return nil
		case line, ok := <-lines:
			if !ok || line == "quit" {
				return nil
			}
			heed(ctx, commands, line)
		}
	}
}

var errNumber = errors.New("albums and photos go by their numbers: albums lists them")
