package mailbox_test

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// Alice has a sturdyref of Bob's, who is away, and writes to him. Bob answers when she is away.
func Example() {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	swiss := sturdyref.NewSwissNum() // in the sturdyref, and known to Bob's node
	secret, err := mailbox.SecretOf(swiss)
	if err != nil {
		log.Fatal(err)
	}
	open := func() (sturdyref.KeyPair, *mailbox.Sealer) {
		id, err := sturdyref.GenerateIdentity(now)
		if err != nil {
			log.Fatal(err)
		}
		dir, err := os.MkdirTemp("", "")
		if err != nil {
			log.Fatal(err)
		}
		prekeys, err := mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: id, Files: mailbox.Dir(dir)}, now)
		if err != nil {
			log.Fatal(err)
		}
		record, err := sturdyref.NewRecord(id, now)
		if err != nil {
			log.Fatal(err)
		}
		return id, &mailbox.Sealer{Identity: id, Record: record, Prekeys: prekeys}
	}
	alice, toBob := open()
	bob, toAlice := open()

	letter, _, err := toBob.SealFirst(bob.Public().Static, secret, &mailbox.Message{
		Link: [32]byte{1}, From: sturdyref.Dialler, Opens: true, Frames: [][]byte{[]byte("are you there?")}, // the name of a link is random
	}, now)
	if err != nil {
		log.Fatal(err)
	}

	atBob := &mailbox.Opener{
		Identity: bob, Prekeys: toAlice.Prekeys,
		Secrets:       func(id [16]byte) (mailbox.Secret, bool) { return secret, id == secret.ID() },
		Correspondent: func(mailbox.Envelope) (mailbox.Correspondent, error) { return mailbox.Correspondent{}, nil },
	}
	got, err := atBob.Open(letter, now.Add(10*24*time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	inbox := mailbox.NewInbox[int](0, 0)
	frames, err := inbox.Take(&got.Message, 1)
	fmt.Printf("Bob: %q %v, from Alice: %v\n", frames, err, got.Sender == alice.Public().Static)
	inbox.Consumed(1)

	next, _ := inbox.Owes()
	letter, _, err = toAlice.Seal(got.Bundle, secret, &mailbox.Message{
		Link: got.Link, From: sturdyref.Acceptor, Frames: [][]byte{[]byte("I am")}, Next: next,
	}, now.Add(10*24*time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	atAlice := &mailbox.Opener{
		Identity: alice, Prekeys: toBob.Prekeys,
		Correspondent: func(mailbox.Envelope) (mailbox.Correspondent, error) {
			return mailbox.Correspondent{Secret: secret}, nil
		},
	}
	got, err = atAlice.Open(letter, now.Add(11*24*time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Alice: %q, the first %d of hers were taken\n", got.Frames, got.Next)
	// Output:
	// Bob: ["are you there?"] <nil>, from Alice: true
	// Alice: ["I am"], the first 1 of hers were taken
}
