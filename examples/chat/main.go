// Command chat is a chat room whose host is one of the people in it: no server, no account. It is the example of what a
// Hawser program looks like; its objects are in package chatroom.
//
//	go run ./examples/chat demo     three processes talk, and what each sees is printed
//	go run ./examples/chat host     opens a room and prints its URI
//	go run ./examples/chat join     asks for the URI and joins
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

const usage = `A chat room whose host is one of the people in it.

  chat host [--dir D] [--nick N] [--name ROOM]   open a room, print its URI, and chat in it
  chat join [URI] [--dir D] [--nick N]           join the room; the URI is asked for if it is not given
  chat demo                                      run a host and two guests as processes of their own

  --netlayer websocket    host or demo over WebSockets, as goblin-chat does; join sees from the URI what to use

  chat host --help, chat join --help             say more
`

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code: 0, 1 if the command failed, 2 if it was not understood.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	commands := map[string]func(ctx context.Context, args []string) error{"host": hostCommand, "join": joinCommand, "demo": demoCommand}
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
		fmt.Fprintf(os.Stderr, "chat: no command %q: there are host, join and demo\n", name)
		return 2
	}
	err := command(ctx, args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "chat: interrupted")
		return 1
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "chat: "+err.Error())
		return 2
	}
	fmt.Fprintln(os.Stderr, "chat: "+explain(err))
	return 1
}

var errUsage = errors.New("see --help")

// parse reads flags before, between and after the other arguments, of which there may be at most max.
func parse(flags *flag.FlagSet, args []string, help string, max int) ([]string, error) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	var rest []string
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Print(help + "\nFlags:\n")
			flags.SetOutput(os.Stdout)
			flags.PrintDefaults()
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", flags.Name(), err, errUsage)
		}
		if args = flags.Args(); len(args) == 0 {
			return rest, nil
		}
		if len(rest) == max {
			return nil, fmt.Errorf("%s: %q is one argument too many: %w", flags.Name(), args[0], errUsage)
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}
