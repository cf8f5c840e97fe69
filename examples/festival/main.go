// Command festival keeps the programme of a festival without a server: the festival is at home with its admin, each event
// with its organiser, and visitors read it all. It is the example of what durable objects at several peers look like; its objects
// are in package program, and the page that shows them in package page.
//
//	go run ./examples/festival demo    an admin, three organisers and two visitors, each a process, and what each of them sees
//	go run ./examples/festival keep    keeps a festival
//	go run ./examples/festival join    joins one, as whatever one was invited
//	go run ./examples/festival photos  shares albums of photos, each its owner's own: packages album and photos
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `The programme of a festival, without a server.

  festival keep --dir D [--name N] [--days D,D] [--stages S,S]   keep a festival, as its admin
  festival join --dir D                                          join one, as organiser or visitor: prints a key, asks for the invitation
  festival demo                                                  run an admin, three organisers and two visitors as processes
  festival photos                                                albums of photos: every owner shares their own, and there is no root

  festival keep --help, festival join --help                     say more
`

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code: 0, 1 if the command failed, 2 if it was not understood.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	commands := map[string]func(ctx context.Context, args []string) error{
		"keep": keepCommand, "join": joinCommand, "demo": demoCommand, "post": postCommand, "photos": photosCommand,
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	command := commands[name]
	switch {
	case command != nil:
	case name == "help" || name == "-h" || name == "-help" || name == "--help":
		fmt.Print(usage)
		return 0
	case name == "":
		fmt.Fprint(os.Stderr, usage)
		return 2
	default:
		fmt.Fprintf(os.Stderr, "festival: no command %q: there are keep, join, photos and demo\n", name)
		return 2
	}
	err := command(ctx, args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "festival: interrupted")
		return 1
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "festival: "+err.Error())
		return 2
	}
	fmt.Fprintln(os.Stderr, "festival: "+oneLine(err))
	return 1
}

var errUsage = errors.New("see --help")

// parse reads the flags of a command that has no other arguments.
func parse(flags *flag.FlagSet, args []string, help string) error {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(help + "\nFlags:\n")
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		return err
	case err != nil:
		return fmt.Errorf("%s: %w: %w", flags.Name(), err, errUsage)
	case flags.NArg() > 0:
		return fmt.Errorf("%s: %q is one argument too many: %w", flags.Name(), flags.Arg(0), errUsage)
	}
	return nil
}
