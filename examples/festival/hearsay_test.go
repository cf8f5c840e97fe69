package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// T24, in the example: three visitors, each a program, and a festival that goes away when it has revoked somebody's invitation.
// Who has heard of it shows them nothing any more; who has not does, until it is told by one who has, and then ends what it has
// shown before. It stays so over a restart.
func TestT24WordOfMouth(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(who string) []string {
		return []string{"--dir", filepath.Join(dir, who), "--listen", loopback, "--page", "-", "--ask", "0"}
	}
	mara := begin(t, "mara", append([]string{"keep", "--name", "Quayside"}, at("mara")...)...)
	mara.sees("* admin of Quayside")
	join := func(who string) (*actor, string) {
		a := begin(t, who, append([]string{"join"}, at(who)...)...)
		return a, strings.TrimPrefix(a.sees("key "), "key ")
	}
	place := func(a *actor) string {
		a.says("place")
		return strings.TrimPrefix(a.sees("place ocapn:"), "place ")
	}
	visitor := func(who string) *actor {
		a, key := join(who)
		mara.says("grant visitor " + key + " " + who)
		a.says(mara.sees("invitation hawser-grant:"))
		a.sees("* visitor of Quayside, " + who)
		return a
	}
	vera, zoe, ivo := visitor("vera"), visitor("zoe"), visitor("ivo")
	walt, key := join("walt")
	mara.says("grant visitor " + key + " walt")
	ticket := mara.sees("invitation hawser-grant:")
	festival := place(mara)

	// Zoe hears of it from the festival. Then that is gone; Vera and Ivo have not heard.
	mara.says("revoke 4 he sang")
	mara.sees("revoked 4")
	zoe.says("meet " + festival)
	zoe.sees("met, 1 revocations were new to you")
	mara.says("quit")
	mara.ends(0)
	for range 2 {
		zoe.says("share " + ticket)
		zoe.sees("! ", "revoked")
	}
	zoe.says("given")
	zoe.sees("given nothing")
	vera.says("share " + ticket)
	shown := vera.sees("invitation hawser-grant:")
	walt.says(shown)
	walt.sees("* visitor of Quayside, ")
	walt.says("try changes")
	walt.sees("! ", "hawser.bad-args") // it is there

	// They meet, and it is told to who is asked as to who asks.
	zoe.says("meet " + place(vera))
	zoe.sees("met, 0 revocations were new to you")
	vera.sees("* taken back what you showed to " + key)
	walt.says("try changes")
	walt.sees("! ", "grant.over")
	vera.says("share " + ticket)
	vera.sees("! ", "revoked")
	ivo.says("meet " + place(vera))
	ivo.sees("met, 1 revocations were new to you")
	ivo.says("share " + ticket)
	ivo.sees("! ", "revoked")

	// Nobody takes it back.
	for who, a := range map[string]*actor{"vera": vera, "ivo": ivo} {
		a.says("quit")
		a.ends(0)
		a = begin(t, who, append([]string{"join"}, at(who)...)...)
		a.sees("* visitor of Quayside, " + who)
		a.says("share " + ticket)
		a.sees("! ", "revoked")
		if who == "ivo" {
			a.says("meet " + place(zoe))
			a.sees("met, 0 revocations were new to you")
		}
		a.says("quit")
		a.ends(0)
	}
}

// Those one has met are asked again by themselves, also after a restart, and so is where the invitation is from.
func TestAskedFromTimeToTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(who, ask string) []string {
		return []string{"--dir", filepath.Join(dir, who), "--listen", loopback, "--page", "-", "--ask", ask}
	}
	mara := begin(t, "mara", append([]string{"keep", "--name", "Quayside"}, at("mara", "0")...)...)
	mara.sees("* admin of Quayside")
	var visitors []*actor
	for _, who := range []string{"vera", "zoe"} {
		a := begin(t, who, append([]string{"join"}, at(who, map[string]string{"vera": "200ms", "zoe": "0"}[who])...)...)
		mara.says("grant visitor " + strings.TrimPrefix(a.sees("key "), "key ") + " " + who)
		a.says(mara.sees("invitation hawser-grant:"))
		a.sees("* visitor of Quayside")
		visitors = append(visitors, a)
	}
	vera, zoe := visitors[0], visitors[1]
	zoe.says("place")
	vera.says("meet " + zoe.sees("place ocapn:"))
	vera.sees("met, 0 revocations")
	revoke := func(number, key string) {
		mara.says("grant visitor " + key + " somebody")
		zoe.says("share " + mara.sees("invitation hawser-grant:"))
		zoe.sees("invitation hawser-grant:")
		mara.says("revoke " + number)
		mara.sees("revoked " + number)
	}
	somebody := begin(t, "somebody", append([]string{"join"}, at("somebody", "0")...)...)
	key := strings.TrimPrefix(somebody.sees("key "), "key ")
	revoke("3", key)
	vera.sees("* heard of 1 revocations")
	vera.says("quit")
	vera.ends(0)
	revoke("4", key)
	vera = begin(t, "vera", append([]string{"join"}, at("vera", "200ms")...)...)
	vera.sees("* heard of 1 revocations")
	for range 2 {
		zoe.sees("* taken back what you showed to " + key) // she never asks, and was told
	}
}
