package mailroom

import (
	"fmt"
	"time"

	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/vat"
)

// What a server refuses, by code on both sides of a session.
var (
	// ErrFull says that there is no room for a letter in the box, or in what the drop may use of it; or for one more drop.
	ErrFull = vat.NewError("mailbox.full", "mailroom: the box is full: try again later")
	// ErrExpired says that the drop was made until a time that is over.
	ErrExpired = vat.NewError("mailbox.expired", "mailroom: the permission to drop letters has expired")
	// ErrTooLarge says that a letter has a length that the drop does not take, or that no letter has.
	ErrTooLarge = vat.NewError("mailbox.too-large", "mailroom: the box takes no letters of this size")
	// ErrRevoked says that the drop was revoked, or that its box is closed.
	ErrRevoked = vat.NewError("mailbox.revoked", "mailroom: the permission to drop letters was taken back")
	// ErrTerms says that the limits asked for are none, or beyond what may be had.
	ErrTerms = vat.NewError("mailbox.terms", "mailroom: these limits cannot be had")
	// ErrName says that a name of a box, or a label of a drop, is empty or too long, or not there.
	ErrName = vat.NewError("mailbox.name", "mailroom: there is no such name, or there cannot be")
	// ErrUnattached says that nobody publishes what is made: the server has not been attached since its start.
	ErrUnattached = vat.NewError("mailbox.unattached", "mailroom: the server is starting: try again in a moment")
)

// Terms bound what a box, or a drop, may hold. The zero value of each field means the default.
type Terms struct {
	// Letters is how many letters there may be at once (default 10 000 for a box, 1000 for a drop).
	Letters int
	// Bytes is how many bytes they may have together (default 256 MiB for a box, 16 MiB for a drop).
	Bytes int
	// Longest is the length of the longest letter (default mailbox.MaxLetter).
	Longest int
	// Until is when the permission ends, in seconds since 1970 (default never).
	Until int64
}

// Public are the terms of a drop that anybody may come by, as the one in the hint "mailbox" of a locator: enough for letters
// of first contact.
var Public = Terms{Letters: 64, Bytes: 1 << 20, Longest: 64 << 10}

// Usage is what a box, or a drop, holds now, within which terms.
type Usage struct {
	Letters, Bytes int
	Terms          Terms
	// Label names a drop; empty for a box.
	Label string
	// Revoked says that a drop was revoked.
	Revoked bool
}

const (
	maxName  = 200
	maxDrops = 1000
	maxBoxes = 10_000
	// longest a letter is kept, in days: as long as one of first contact is accepted, and a day because clocks differ.
	maxDays = 31
)

var (
	boxDefaults  = Terms{Letters: 10_000, Bytes: 256 << 20, Longest: mailbox.MaxLetter}
	dropDefaults = Terms{Letters: 1000, Bytes: 16 << 20, Longest: mailbox.MaxLetter}
)

// or returns t with the defaults where it says nothing, or ErrTerms.
func (t Terms) or(d Terms) (Terms, error) {
	if t.Letters < 0 || t.Bytes < 0 || t.Longest < 0 || t.Until < 0 || t.Longest > mailbox.MaxLetter {
		return t, fmt.Errorf("%+v: %w", t, ErrTerms)
	}
	if t.Letters == 0 {
		t.Letters = d.Letters
	}
	if t.Bytes == 0 {
		t.Bytes = d.Bytes
	}
	if t.Longest == 0 {
		t.Longest = d.Longest
	}
	return t, nil
}

// admits returns why a letter is refused by who holds so much already.
func (t Terms) admits(letters, bytes, size int, now time.Time) error {
	switch {
	case t.Until != 0 && now.Unix() >= t.Until:
		return ErrExpired
	case mailbox.CheckSize(size) != nil || size > t.Longest:
		return ErrTooLarge
	case letters >= t.Letters || bytes+size > t.Bytes:
		return ErrFull
	}
	return nil
}

// checkName refuses names that cannot be.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return ErrName
	}
	return nil
}
