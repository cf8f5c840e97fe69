package mailbox_test

import (
	"fmt"
	"testing"

	"github.com/hawser-go/hawser/netlayer/mailbox"
)

func BenchmarkLetters(b *testing.B) {
	alice, bob := newParty(b), newParty(b)
	bob.knows(alice)
	secret := bob.publishes(b)
	for _, size := range []int{100, 10_000, 500_000} {
		m := message(0)
		m.Frames, m.Opens = [][]byte{make([]byte, size)}, true
		s, o := alice.sealer(), bob.opener()
		for _, first := range []bool{false, true} {
			var letter []byte
			seal := func() (err error) {
				if first {
					letter, _, err = s.SealFirst(bob.static(), secret, m, start)
				} else {
					letter, _, err = s.Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, start)
				}
				return err
			}
			name := map[bool]string{false: "to a prekey", true: "first contact"}[first]
			b.Run(fmt.Sprintf("seal %d bytes %s", size, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := seal(); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("open %d bytes %s", size, name), func(b *testing.B) {
				b.ReportAllocs()
				if err := seal(); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := o.Open(letter, start); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
