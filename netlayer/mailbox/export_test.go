package mailbox

import (
	"bytes"
	"time"
)

// ReadContent has an opener read what was encrypted in one piece of a letter to its newest prekey, from the sender given.
func (o *Opener) ReadContent(content []byte, sender [32]byte, now time.Time) (*Letter, error) {
	return o.read(bytes.Clone(content), nil, nil, &Letter{Sender: sender}, o.Prekeys.Bundle().Retires, now)
}

// Content returns what would be encrypted.
func (s *Sealer) Content(to [32]byte, m *Message, proof Secret, until time.Time) ([]byte, error) {
	return s.content(to, m, proof, until, true, make([]byte, prekeyHeader))
}

// Kept returns how many bytes an Inbox keeps of what is early, and how many letters.
func (i *Inbox[T]) Kept() (bytes, letters int) { return i.size, len(i.open) }

// MaxReason is the length of the longest reason.
const MaxReason = maxReason

// FramesOf decodes what follows the MAC.
func FramesOf(b []byte, count int) ([][]byte, error) { return frames(b, count) }

// BodyOf encodes frames.
func BodyOf(all [][]byte) []byte { return body(all) }
