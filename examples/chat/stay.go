package main

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstPause = 250 * time.Millisecond
	longPause  = 15 * time.Second
	// giveUp is for how long a host may refuse a guest who was in before the guest believes it: a host that has just
	// started may not have opened the room yet.
	giveUp = 2 * time.Minute
)

// run brings the person in and lets them talk until they have had enough, or cannot be in the room any more.
func (t *talker) run(ctx context.Context) error {
	if err := t.join(ctx); err != nil {
		return err
	}
	return t.remain(ctx)
}

// remain is run for who is in.
func (t *talker) remain(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines, err := t.console.conversation(ctx)
	if err != nil {
		return err
	}
	kept := make(chan error, 1)
	go func() {
		defer cancel()
		kept <- t.keep(ctx)
	}()
	t.converse(ctx, lines)
	cancel()
	err = <-kept
	t.leave()
	return err
}

// keep keeps the person in the room until ctx ends: when the host goes it tries to come back, less and less often. It
// returns an error if the host will not have the person any more.
func (t *talker) keep(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-t.ended:
			t.seat(nil)
			t.console.say("* %s: trying to come back", gone(e.Err))
		}
		if err := t.rejoin(ctx); err != nil {
			return err
		}
	}
}

// rejoin tries until it succeeds or ctx ends.
func (t *talker) rejoin(ctx context.Context) error {
	var refusing time.Time
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause/2 + rand.N(pause)):
		}
		switch err := t.join(ctx); {
		case err == nil:
			return nil
		case !refused(err):
			refusing = time.Time{}
		case refusing.IsZero():
			refusing = time.Now()
			t.console.say("* the host is there, but does not let you in: it may not have opened the room yet")
		case time.Since(refusing) > giveUp:
			return err
		}
	}
}
