package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// hearsay is how it gets round what was revoked of a festival's grants: programs ask each other when they meet, the festival's
// too, and each passes on what it has heard from others.
type hearsay struct {
	node *hawser.Node
	// home returns the key of the festival, of whose grants is spoken; false if there is none yet.
	home func() (grant.Key, bool)
	// places returns where else to ask besides those one has met.
	places func() []sturdyref.Peer
	// heard does what follows from it when something may have been heard.
	heard func(ctx context.Context)
	file  string // with the places of those one has met, a line each
	mu    sync.Mutex
}

const (
	maxMet   = 32               // the places that are kept, the newest last
	askTime  = 10 * time.Second // for one of them to answer
	lookTick = time.Second      // how often is looked whether somebody has told
)

var errNoFestival = errors.New("you follow no festival yet, so there is nothing to ask about")

// commands are what can be typed.
func (h *hearsay) commands() map[string]command {
	return map[string]command{
		"place": {"", "where your program is, for others to meet it: no secret", func(context.Context, string) (string, error) {
			return "place " + h.node.Location().URI(), nil
		}},
		"meet": {"PLACE", "ask the program there what was revoked, tell it what you know, and do so again from time to time", h.meet},
	}
}

func (h *hearsay) meet(ctx context.Context, text string) (string, error) {
	at, err := sturdyref.ParsePeer(strings.TrimPrefix(strings.TrimSpace(text), "place "))
	if err != nil {
		return "", err
	}
	n, err := h.ask(ctx, at)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("met, %d revocations were new to you", n), h.remember(at)
}

// ask exchanges what was heard with the program at a place.
func (h *hearsay) ask(ctx context.Context, at sturdyref.Peer) (int, error) {
	home, ok := h.home()
	if !ok {
		return 0, errNoFestival
	}
	ctx, cancel := context.WithTimeoutCause(ctx, askTime, program.ErrSilent)
	defer cancel()
	n, err := h.node.ExchangeNotices(ctx, home, at)
	h.follow(ctx)
	return n, err
}

// follow does what follows from what was heard, one at a time.
func (h *hearsay) follow(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard(ctx)
}

// run asks everybody one has met every so often, if that is not 0, and looks what others have told; until ctx ends.
func (h *hearsay) run(ctx context.Context, every time.Duration) {
	look := time.NewTicker(lookTick)
	defer look.Stop()
	var next time.Time
	for {
		if home, ok := h.home(); ok {
			h.node.ShareNotices(home)
			if every > 0 && !time.Now().Before(next) {
				h.round(ctx)
				next = time.Now().Add(every)
			}
			h.follow(ctx)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// round asks everybody; who is away is asked the next time.
func (h *hearsay) round(ctx context.Context) {
	met, _ := h.met() // what is wrong with the file meet says
	for _, at := range append(h.places(), met...) {
		if at.ID() == h.node.Location().ID() {
			continue
		}
		if n, err := h.ask(ctx, at); err == nil && n > 0 {
			say("* heard of %d revocations", n)
		}
	}
}

// met returns the places that were met.
func (h *hearsay) met() (all []sturdyref.Peer, err error) {
	text, err := os.ReadFile(h.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for line := range strings.Lines(string(text)) {
		at, err := sturdyref.ParsePeer(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.file, err)
		}
		all = append(all, at)
	}
	return all, err
}

// remember adds a place.
func (h *hearsay) remember(at sturdyref.Peer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, err := h.met()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(p sturdyref.Peer) bool { return p.ID() == at.ID() })
	all = append(all, at)
	var text strings.Builder
	for _, p := range all[max(0, len(all)-maxMet):] {
		fmt.Fprintln(&text, p.URI())
	}
	return os.WriteFile(h.file, []byte(text.String()), 0o600)
}
