package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/vat"
)

const hostHelp = `chat host opens a room, prints the URI that lets others in, and lets you chat in it.

Whoever has the URI can come in, so give it only to those you want in the room. With --dir the room has the same URI the
next time, keeps seats for guests who have a --dir, too, and tells them what they have missed; without, it is new each time, and
nothing is kept on disk.

Lines typed are messages; /help says what else there is. The room is open until /quit, the end of the input, or Ctrl-C.
`

func hostCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("host", flag.ContinueOnError)
	dir := flags.String("dir", "", "keep the identity and the room's URI in this `directory`")
	nick := flags.String("nick", "host", "what to call you")
	name := flags.String("name", "lobby", "what to call the `room`; each name in a directory has a URI of its own")
	var net network
	net.flags(flags, noiseQUIC)
	flags.StringVar(&net.advertise, "advertise", "", "for noise-quic: `addresses` for the URI, host:port with commas between, where guests come from outside")
	var mail mailbox
	mail.flags(flags)
	alone := flags.Bool("serve", false, "only keep the room open: do not read messages from the input")
	verbose := flags.Bool("v", false, "say what happens beneath")
	if _, err := parse(flags, args, hostHelp, 0); err != nil {
		return err
	}
	if chatroom.Clean(*name) != *name || *name == "" || len(*name) > 100 {
		return fmt.Errorf("host: --name must be one line of 1 to 100 bytes: %w", errUsage)
	}
	if err := checkNick(*nick); err != nil {
		return fmt.Errorf("host: %w", err)
	}

	if err := net.validate(); err != nil {
		return err
	}

	console := openConsole()
	defer console.Close()
	cfg := &hawser.Config{Dir: *dir, Logger: console.logger(*verbose)}
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

	room, listen, err := openRoom(ctx, node, *dir != "", net.publication(*name), *name)
	if err != nil {
		return err
	}
	invite, err := node.Publish(ctx, net.publication(*name), room.Ref)
	if err != nil {
		return err
	}
	console.say("* the room %q is open; whoever has the next line can come in, so treat it as a key", *name)
	console.say("%s", invite.URI())
	console.say("* to come in: go run ./examples/chat join    which asks for that line")
	if *alone {
		if err := listen(ctx); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	// The host's own person is a guest like any other, in a vat of its own.
	t, err := newTalker(ctx, console, node.Vat("person"), *nick, func() chatroom.RoomRef { return room })
	if err != nil {
		return err
	}
	if err := t.join(ctx); err != nil {
		return err
	}
	if err := listen(ctx); err != nil {
		return err
	}
	return t.remain(ctx)
}

// openRoom makes the room, and what is to be done when somebody is there to hear what is said in it. One that lasts has a book
// in a durable vat.
func openRoom(ctx context.Context, node *hawser.Node, lasts bool, key, name string) (room chatroom.RoomRef, listen func(context.Context) error, err error) {
	at := node.Vat("room")
	if !lasts {
		room, err = vat.Do(ctx, at, func(ctx context.Context) (chatroom.RoomRef, error) { return chatroom.NewRoom(ctx, name, nil), nil })
		return room, func(context.Context) error { return nil }, err
	}
	v, err := node.DurableVat("chat")
	if err != nil {
		return room, nil, err
	}
	book, err := chatroom.OpenBook(ctx, v, key, name)
	if err != nil {
		return room, nil, err
	}
	l, err := vat.Do(ctx, at, func(ctx context.Context) (*chatroom.Lasting, error) { return chatroom.NewLasting(ctx, name, nil, book) })
	if err != nil {
		return room, nil, err
	}
	return l.Room, func(ctx context.Context) error {
		_, err := vat.Do(ctx, at, func(ctx context.Context) (any, error) { return nil, l.Listen(ctx) })
		return err
	}, nil
}
