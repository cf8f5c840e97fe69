package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

const grantNotifyUsage = `-at LOCATOR NOTICE

Gives a notice to the node at LOCATOR, which is running and the home of the object, and returns when that node has it on its disk and what
was given by the grant has ended. A notice is heard from anybody. LOCATOR is public, in quotes because of its &.

`

// notify is hawser grant notify.
func (c *grantCommand) notify(args []string) (err error) {
	at := c.flags.String("at", "", "the `locator` of the node, as it prints it or its sturdyrefs have it")
	timeout := c.flags.Duration("timeout", 30*time.Second, "give up after this time")
	got, err := c.parse(args, grantNotifyUsage, "NOTICE")
	switch {
	case err != nil:
		return err
	case *timeout <= 0:
		return c.misuse("-timeout is a time such as 30s, and more than 0")
	case *at == "":
		return c.misuse("it is not said to whom: give -at LOCATOR")
	case strings.Contains(*at, "/s/"):
		return errors.New("-at is a sturdyref, which is a secret and does not belong into a command line, where every user of the machine sees it: give the locator of the node, without what begins with /s/")
	}
	peer, err := sturdyref.ParsePeer(*at)
	if err != nil {
		return c.misuse("-at: %s", plainly(err))
	}
	text, from, err := c.text(got[0], "notice", noticePrefix)
	if err != nil {
		return err
	}
	notice, err := grant.ParseNoticeText(text)
	if err != nil {
		return refused(from, err)
	}
	if _, err := grant.ParseRevocation(notice); err != nil {
		return refused(from, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("the node has not answered within %v: see that it is running, and that the locator is its own", *timeout))
	defer cancel()
	node, err := hawser.Open(ctx, &hawser.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		return errors.New(plainly(err))
	}
	defer func() {
		if e := node.Close(); err == nil && e != nil {
			err = e
		}
	}()
	nobody, err := node.Anonymous()
	if err != nil {
		return errors.New(plainly(err))
	}
	receipt, err := nobody.Notify(notice, peer).Await(ctx)
	switch {
	case errors.Is(err, hawser.ErrGrantRefused):
		return &notGood{fmt.Sprintf("the node has refused %s: it is not the home of the object, nor cares for that home, or the notice is not good (hawser grant show says what it is about)", from)}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return errors.New(plainly(err))
	}
	if len(receipt) == 0 {
		fmt.Fprintln(c.stderr, "hawser: note: the node knows it and gives no receipt: it is not the home of the object, which is to be told, too, or what the notice revokes is over anyway")
		return nil
	}
	fmt.Fprintln(c.stderr, "hawser: note: the node knows it, and what was given by the grant has ended; this is its receipt")
	return c.print(grant.ReceiptText(receipt) + "\n")
}
