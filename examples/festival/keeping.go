package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hawser-go/hawser/examples/festival/album"
)

// maxRoom is how much can be kept of an album, in MiB.
const maxRoom = 1 << 20

func (v *viewer) keep(ctx context.Context, rest string) (string, error) {
	n, rest, err := numbers(rest, 2)
	if err := only(rest, err); err != nil {
		return "", err
	}
	if n[1] > maxRoom {
		return "", fmt.Errorf("at most %d MiB of an album can be kept", maxRoom)
	}
	k, err := v.program.Keep(ctx, n[0], int64(n[1])<<20)
	if errors.Is(err, album.ErrNoAlbum) {
		return "", err
	}
	return kept(n[0], k, err), nil
}

// kept says what is kept of an album, and what is not.
func kept(number int, k album.Kept, err error) string {
	blame(k.Bad, nil)
	text := fmt.Sprintf("kept %d: %s, %s", number, count(k.Here), size(k.Bytes))
	if k.Missing > 0 {
		text += fmt.Sprintf("; %d cannot be had at the moment", k.Missing)
	}
	if k.Beyond > 0 {
		text += fmt.Sprintf("; there is no room for %d", k.Beyond)
	}
	switch {
	case err == nil:
	case album.Away(err), album.Refused(err):
		text += "; " + album.Trouble(err)
	default:
		text += "; " + words(err)
	}
	return clean(text)
}

func (v *viewer) sync(ctx context.Context, _ string) (string, error) {
	lines, err := v.round(ctx)
	if len(lines) == 0 {
		lines = []string{"kept nothing: keep says what"}
	}
	return strings.Join(lines, "\n"), err
}

// round asks owners what is new of what is kept of theirs.
func (v *viewer) round(ctx context.Context) (lines []string, err error) {
	mine, others, err := v.program.Albums(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range append(mine, others...) {
		a, err := v.program.Album(ctx, n)
		if err != nil {
			return lines, err
		}
		if !a.Own() && a.Room == 0 {
			continue
		}
		k, err := v.program.Sync(ctx, n)
		if ctx.Err() != nil {
			return lines, context.Cause(ctx)
		}
		if line := kept(n, k, err); !a.Own() || k.Missing > 0 || k.Beyond > 0 {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// keepUp is sync, unasked, every so often until ctx ends: it says nothing when all is well.
func (v *viewer) keepUp(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := v.round(ctx); err != nil && ctx.Err() == nil {
			say("! %s", words(err))
		}
	}
}
