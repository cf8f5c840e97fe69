package main

import (
	"strings"
	"testing"

	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer/mailbox"
)

// The letters of the floor are as long as those that nodes write; a call takes two, and at times one more that says that the answer is
// done with.
func TestMailFloor(t *testing.T) {
	town := newTown()
	server := openNoted(t, town.network, mailroom.Kinds()...)
	err := town.serve(server)
	if err != nil {
		t.Fatal(err)
	}
	first, err := town.part()
	if err != nil {
		t.Fatal(err)
	}
	drop, err := town.drop()
	if err != nil {
		t.Fatal(err)
	}
	const calls, late = 20, 3 // letters of what was before
	for _, c := range []struct {
		name        string
		run         func() error
		least, most int
	}{
		{"call", func() error { return askOne(first) }, 2 * calls, 3*calls + late},
		{"floor", func() error { return leaveTwo(drop) }, 2 * calls, 2*calls + late},
	} {
		server.forget()
		for range calls {
			if err := c.run(); err != nil {
				t.Fatal(err)
			}
		}
		if n := server.letters(); n < c.least || n > c.most {
			t.Errorf("%s: %d letters of %d bytes came, want %d to %d", c.name, n, mailbox.MinLetter, c.least, c.most)
		}
	}
	if err := town.close(); err != nil {
		t.Error(err)
	}
}

// letters counts the objects that were stored which have room for a letter of the least length, and hardly more.
func (n *noted) letters() (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, b := range n.batches {
		for _, op := range b.Ops() {
			if over := len(op.Value) - mailbox.MinLetter; strings.HasPrefix(op.Bucket, "state-") && over > 0 && over < 32 {
				count++
			}
		}
	}
	return count
}
