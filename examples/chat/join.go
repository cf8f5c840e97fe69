package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

const joinHelp = `chat join [URI] joins the room whose URI its host has given you.

Leave the URI out, and you are asked for it: on a terminal it is not shown, otherwise it is the first line of the input.
Given as an argument, every user of this machine can read it in the list of processes, and come in as well.

Lines typed are messages; /help says what else there is. You leave by /quit, the end of the input, or Ctrl-C.
Nothing is kept on disk unless --dir says where. With it, if the host has one, too, you keep your seat when you go: the next
time you get what you have missed, and an empty line in place of the URI takes you to the room you were in last.
`

// dialTimeout is short because a guest tries again.
const dialTimeout = 10 * time.Second

func joinCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("join", flag.ContinueOnError)
	dir := flags.String("dir", "", "keep the identity you act under in this `directory` (default: a new one each time)")
	nick := flags.String("nick", "", "what to call you (default: asked for on a terminal)")
	var net network
	net.flags(flags, "")
	var mail mailbox
	mail.flags(flags)
	verbose := flags.Bool("v", false, "say what happens beneath")
	rest, err := parse(flags, args, joinHelp, 1)
	if err != nil {
		return err
	}

	console := openConsole()
	defer console.Close()
	uri := strings.Join(rest, "")
	if uri == "" {
		uri, err = console.ask(ctx, "the room's URI (not shown): ", true)
		if errors.Is(err, io.EOF) {
			return errors.New("no URI was given: paste the line that the host printed")
		}
		if err != nil {
			return err
		}
	}
	var invite sturdyref.Ref
	if uri == "" && *dir != "" { // the room of last time
		net.netlayer = noiseQUIC
		err = net.validate()
	} else if invite, err = sturdyref.Parse(strings.Trim(uri, " \t\"'")); err == nil {
		err = net.fit(ctx, invite)
	}
	if err != nil {
		return err
	}
	if !invite.IsZero() {
		if *nick, err = askNick(ctx, console, *nick); err != nil {
			return err
		}
	}

	cfg := &hawser.Config{Dir: *dir, DialTimeout: dialTimeout, Logger: console.logger(*verbose)}
	net.configure(cfg)
	if err := mail.configure(ctx, console, cfg); err != nil {
		return err
	}
	node, err := hawser.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer node.Close()
	mail.watch(ctx, console, node)
	if *dir != "" && net.netlayer == noiseQUIC {
		l, err := newLodger(ctx, console, node, invite, *nick)
		if !errors.Is(err, errNoSeats) {
			if err == nil {
				err = l.run(ctx)
			}
			return err
		}
		console.say("* the room keeps no seats: you will not get what is said while you are away")
	}
	t, err := newTalker(ctx, console, node.Vat("person"), *nick, func() chatroom.RoomRef {
		return vat.As[chatroom.RoomRef](node.Enliven(invite)) // a reference that broke stays broken: each time a new one
	})
	if err != nil {
		return err
	}
	return t.run(ctx)
}

// askNick asks for a nickname if there is none, on a terminal.
func askNick(ctx context.Context, console *console, nick string) (string, error) {
	if nick == "" {
		if nick = "guest"; console.interactive() {
			answer, err := console.ask(ctx, "your nickname [guest]: ", false)
			if err != nil && !errors.Is(err, io.EOF) {
				return "", err
			}
			if answer != "" {
				nick = answer
			}
		}
	}
	if err := checkNick(nick); err != nil {
		return "", fmt.Errorf("join: %w", err)
	}
	return nick, nil
}

// checkNick refuses a nickname that others would see differently.
func checkNick(nick string) error {
	if seen := chatroom.CleanNick(nick); seen != nick || nick == "" {
		return fmt.Errorf("--nick %q would be shown as %q: use letters, digits and -_.' only, %d characters at the most: %w", nick, seen, chatroom.MaxNick, errUsage)
	}
	return nil
}
