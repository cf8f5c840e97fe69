package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/examples/festival/photos"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// viewer does what is typed about photos.
type viewer struct{ program *photos.Program }

func (v *viewer) commands() map[string]command {
	all := map[string]command{
		"albums": {"", "what there is: your albums, and those of others", v.albums},
		"album":  {"TITLE", "make an album", v.album},
		"end":    {"ALBUM", "end an album of yours; who has read it has it", v.end},
		"add":    {"ALBUM FILE | CAPTION", "put a photo into an album", v.add},
		"remove": {"ALBUM PHOTO", "take a photo out of an album; who has read it has it", v.remove},
		"share":  {"ALBUM ROLE KEY NAME", "let the owner of a key be a reader, contributor or keeper: what is printed is no secret", v.share},
		"accept": {"INVITATION", "note an invitation to somebody's album", v.accept},
		"read":   {"ALBUM", "ask the album's owner what is in it", v.read},
		"fetch":  {"ALBUM PHOTO FILE", "have a photo, from its owner or from whoever keeps it", v.fetch},
		"keep":   {"ALBUM MIB", "keep an album for others, up to so much, and serve it while its owner is away; 0 for no more", v.keep},
		"sync":   {"", "ask owners what is new of what you keep, now", v.sync},
		"drop":   {"ALBUM", "forget somebody's album, and what you keep of it", v.drop},
		"pass":   {"ALBUM KEY", "pass on what you were granted to the owner of a key; the album's owner need not be there", v.pass},
		"given":  {"", "what you have granted, and passed on", v.given},
		"revoke": {"NUMBER REASON", "take back what you have granted or passed on, and all that was passed on from it: of that one album", v.revoke},
		"try":    {"ALBUM METHOD", "send what you were granted any message, as a program that does not keep to the rules would", v.try},
		"key":    {"", "your key, by which others invite you", func(context.Context, string) (string, error) { return "key " + v.program.Key().String(), nil }},
		"quit":   {"", "end this program", nil},
	}
	all["help"] = command{"", "what can be typed", func(context.Context, string) (string, error) { return helpOf(all), nil }}
	return all
}

// numbers reads numbers that a text begins with, with blanks or, as they are shown, points between them, and returns the rest.
func numbers(text string, n int) (all []int, rest string, err error) {
	for left := n; left > 0; left-- {
		text = strings.TrimSpace(text)
		end := strings.IndexByte(text+" ", ' ')
		if point := strings.IndexByte(text[:end], '.'); point > 0 && left > 1 {
			end = point
		}
		var word string
		word, text = text[:end], text[min(end+1, len(text)):]
		i, err := strconv.Atoi(word)
		if err != nil || i < 0 {
			return nil, "", errNumber
		}
		all = append(all, i)
	}
	return all, strings.TrimSpace(text), nil
}

func only(rest string, err error) error {
	if err == nil && rest != "" {
		err = fmt.Errorf("%q is too much", clean(rest))
	}
	return err
}

func (v *viewer) albums(ctx context.Context, _ string) (string, error) {
	mine, others, err := v.program.Albums(ctx)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, n := range append(mine, others...) {
		a, err := v.program.Album(ctx, n)
		if err != nil {
			return "", err
		}
		lines = append(lines, "album "+head(&a))
	}
	if len(lines) == 0 {
		lines = []string{"album none: album TITLE makes one, accept notes an invitation to somebody's"}
	}
	return strings.Join(lines, "\n"), nil
}

// head returns an album in a line.
func head(a *album.Album) string {
	title := strconv.Quote(a.Title)
	switch {
	case a.Role == album.AsKeeper:
		title = "(sealed)"
	case !a.Own() && a.Version == 0:
		title = "(not read yet)"
	}
	text := fmt.Sprintf("%d: %s, %s", a.Number, title, count(len(a.Blobs)))
	if a.Own() {
		return clean(text + ", yours")
	}
	text += ", as " + string(a.Role)
	if !a.Synced.IsZero() {
		text += ", as of " + a.Synced.Local().Format("2006-01-02 15:04:05")
	}
	if a.Room > 0 {
		text += fmt.Sprintf(", kept up to %d MiB", a.Room>>20)
	}
	if a.Trouble != "" {
		text += ": " + a.Trouble
	}
	return clean(text)
}

func (v *viewer) album(ctx context.Context, title string) (string, error) {
	n, err := v.program.Begin(ctx, title)
	return fmt.Sprintf("made album %d: %q", n, clean(title)), err
}

func (v *viewer) end(ctx context.Context, rest string) (string, error) {
	n, rest, err := numbers(rest, 1)
	if err := only(rest, err); err != nil {
		return "", err
	}
	return fmt.Sprintf("ended %d", n[0]), v.program.End(ctx, n[0])
}

func (v *viewer) add(ctx context.Context, rest string) (string, error) {
	n, rest, err := numbers(rest, 1)
	if err != nil {
		return "", err
	}
	path, caption, _ := strings.Cut(rest, "|")
	if path = strings.TrimSpace(path); path == "" {
		return "", errors.New("which file? add ALBUM FILE | CAPTION")
	}
	photo, err := v.program.Add(ctx, n[0], path, strings.TrimSpace(caption))
	return clean(fmt.Sprintf("added %d.%d %q, %s", n[0], photo.Number, photo.Name, size(photo.Size))), err
}

func count(photos int) string {
	if photos == 1 {
		return "1 photo"
	}
	return fmt.Sprintf("%d photos", photos)
}

func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%d kB", (n+500)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

func (v *viewer) remove(ctx context.Context, rest string) (string, error) {
	n, rest, err := numbers(rest, 2)
	if err := only(rest, err); err != nil {
		return "", err
	}
	return fmt.Sprintf("removed %d.%d", n[0], n[1]), v.program.Remove(ctx, n[0], n[1])
}

func (v *viewer) share(ctx context.Context, rest string) (string, error) {
	n, rest, err := numbers(rest, 1)
	if err != nil {
		return "", err
	}
	role, rest, _ := strings.Cut(rest, " ")
	text, name, _ := strings.Cut(strings.TrimSpace(rest), " ")
	key, err := grant.ParseKey(text)
	if err != nil {
		return "", err
	}
	i, err := v.program.Share(ctx, n[0], album.Role(role), key, strings.TrimSpace(name))
	if err != nil {
		return "", err
	}
	return i.String(), nil
}

func (v *viewer) accept(ctx context.Context, line string) (string, error) {
	n, err := v.program.Accept(ctx, line)
	if err != nil {
		return "", err
	}
	a, err := v.program.Read(ctx, n)
	if err != nil && a.Number == 0 {
		return "", err
	}
	return "accepted album " + head(&a), nil
}

func (v *viewer) read(ctx context.Context, rest string) (string, error) {
	n, rest, err := numbers(rest, 1)
	if err := only(rest, err); err != nil {
		return "", err
	}
	a, err := v.program.Read(ctx, n[0])
	if a.Number == 0 {
		return "", err
	}
	lines := []string{"= " + head(&a)}
	for _, p := range a.Photos {
		text := fmt.Sprintf("%d.%d %q, %s, %s", a.Number, p.Number, p.Name, p.Taken.Local().Format(time.DateOnly), size(p.Size))
		if p.By != "" {
			text += ", by " + p.By
		}
		if p.Caption != "" {
			text += ": " + p.Caption
		}
		lines = append(lines, "= "+clean(text))
	}
	if a.Role == album.AsKeeper {
		for _, b := range a.Blobs {
			lines = append(lines, fmt.Sprintf("= %d.%d sealed, %s", a.Number, b.Number, size(b.Size)))
		}
	}
	if err != nil {
		lines = append(lines, asBefore(a.Role, err))
	}
	return strings.Join(lines, "\n"), nil
}

// asBefore says why an album is shown as it was read before.
func asBefore(role album.Role, err error) string {
	why := album.Trouble(err)
	if album.Refused(err) {
		why = fmt.Sprintf("you are not a %s of this album any more, or not yet", role)
	}
	return clean("! " + why + ": this is what you have read before")
}

func (v *viewer) fetch(ctx context.Context, rest string) (string, error) {
	n, path, err := numbers(rest, 2)
	if err != nil {
		return "", err
	}
	if path == "" {
		return "", errors.New("to which file? fetch ALBUM PHOTO FILE")
	}
	got, err := v.program.Fetch(ctx, n[0], n[1], path)
	blame(got.Bad, err)
	if err != nil {
		return "", err
	}
	from := "from " + whose(got.Of)
	if got.Here {
		from = "from this disk"
	}
	return clean(fmt.Sprintf("fetched %d.%d to %s, %s, %s", n[0], n[1], path, size(got.Photo.Size), from)), nil
}

func whose(of string) string {
	if of == "" {
		return "its owner"
	}
	return of
}

// blame says who had something else than the photo that was asked for; with an error, also who had nothing.
func blame(all []album.Failure, err error) {
	said := make(map[string]bool)
	for _, f := range all {
		what := "does not serve it: " + f.Err.Error()
		switch {
		case f.Lied():
			what = "has something else in its place, of which nothing was used"
		case err == nil:
			continue
		case album.Away(f.Err):
			what = "does not answer"
		case errors.Is(f.Err, album.ErrAbsent):
			what = "has not got it"
		}
		if text := clean(whose(f.Of) + " " + what); !said[text] {
			said[text] = true
			say("! %s", text)
		}
	}
}

func (v *viewer) drop(ctx context.Context, rest string) (string, error) {
	n, rest, err := numbers(rest, 1)
	if err := only(rest, err); err != nil {
		return "", err
	}
	return fmt.Sprintf("dropped %d", n[0]), v.program.Drop(ctx, n[0])
}

func (v *viewer) pass(ctx context.Context, rest string) (string, error) {
	n, rest, err := numbers(rest, 1)
	if err != nil {
		return "", err
	}
	key, err := grant.ParseKey(rest)
	if err != nil {
		return "", err
	}
	i, err := v.program.Pass(ctx, n[0], key)
	if err != nil {
		return "", err
	}
	return i.String(), nil
}

func (v *viewer) given(ctx context.Context, _ string) (string, error) {
	all, err := v.program.Given(ctx)
	if err != nil || len(all) == 0 {
		return "given nothing", err
	}
	var lines []string
	for _, g := range all {
		text := fmt.Sprintf("given %d: album %d, %s, to %s", g.Number, g.Album, g.Role, g.To)
		if g.Revoked {
			text += ", revoked"
		}
		lines = append(lines, clean(text))
	}
	return strings.Join(lines, "\n"), nil
}

func (v *viewer) revoke(ctx context.Context, rest string) (string, error) {
	n, why, err := numbers(rest, 1)
	if err != nil {
		return "", err
	}
	g, err := v.program.Revoke(ctx, n[0], why)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("revoked %d: album %d, %s", n[0], g.Album, g.To)
	left, err := v.program.Still(ctx, n[0])
	for _, other := range left {
		text += fmt.Sprintf("; the same key still has %d", other)
	}
	return clean(text), err
}

func (v *viewer) try(ctx context.Context, rest string) (string, error) {
	n, method, err := numbers(rest, 1)
	if err != nil {
		return "", err
	}
	answer, err := v.program.Try(ctx, n[0], method)
	if err != nil {
		return "", err
	}
	return clean(fmt.Sprintf("answer of a %T", answer)), nil
}
