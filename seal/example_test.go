package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/sturdyref"
)

// A database whose rows can be read by whoever has the key, and written by one person alone.
func ExampleSealer() {
	ada, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		panic(err)
	}
	// The capability to read: its public half is sealed to, the private half is given to readers.
	key, err := seal.NewReadKey()
	if err != nil {
		panic(err)
	}
	s := seal.Sealer{Readers: [][32]byte{key.Public().Static}, From: ada, Context: []byte("prices/tea")}
	record, err := s.Seal([]byte("3 florins"))
	if err != nil {
		panic(err)
	}

	author := ada.Public()
	o := seal.Opener{Key: key, From: &author, Context: []byte("prices/tea")}
	price, _, err := o.Open(record)
	fmt.Printf("%s %v\n", price, err)

	// Whoever reads can seal to the same key, but not as Ada, and cannot put the row elsewhere.
	forged, err := (&seal.Sealer{Readers: s.Readers, Context: s.Context}).Seal([]byte("1 florin"))
	if err != nil {
		panic(err)
	}
	_, _, err = o.Open(forged)
	fmt.Println(errors.Is(err, seal.ErrAuthor))
	o.Context = []byte("prices/coffee")
	_, _, err = o.Open(record)
	fmt.Println(errors.Is(err, seal.ErrDamaged))
	// Output:
	// 3 florins <nil>
	// true
	// true
}

// A file for two readers, sealed and opened as a stream.
func ExampleSealer_NewWriter() {
	ada, _ := sturdyref.GenerateIdentity(time.Now())
	ben, _ := sturdyref.GenerateIdentity(time.Now())
	eve, _ := sturdyref.GenerateIdentity(time.Now())
	s := seal.Sealer{Readers: [][32]byte{ada.Public().Static, ben.Public().Static}, From: ada}
	var file bytes.Buffer
	w, err := s.NewWriter(&file)
	if err != nil {
		panic(err)
	}
	if _, err := io.Copy(w, strings.NewReader("a long story")); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil { // without this it is not whole
		panic(err)
	}

	for _, reader := range []seal.Key{ben, eve} {
		o := seal.Opener{Key: reader}
		r, err := o.NewReader(bytes.NewReader(file.Bytes()))
		if err != nil {
			fmt.Println(err)
			continue
		}
		text, err := io.ReadAll(r)
		fmt.Printf("%s, by Ada: %t, %v\n", text, r.From() == ada.Public(), err)
	}
	// Output:
	// a long story, by Ada: true, <nil>
	// seal: the key does not open it
}

// A photo is on the shelf of a friend, who cannot see it, and is read from there.
func ExampleShelf() {
	ctx := context.Background()
	mineStore, theirStore := memory.New(), memory.New()
	defer mineStore.Close()
	defer theirStore.Close()
	mine, err := seal.NewShelf(mineStore, "photos")
	if err != nil {
		panic(err)
	}
	theirs, err := seal.NewShelf(theirStore, "photos")
	if err != nil {
		panic(err)
	}
	photo, err := mine.Put(ctx, strings.NewReader("a sunset"))
	if err != nil {
		panic(err)
	}
	fmt.Println("prints its name only:", fmt.Sprint(photo) == "blob "+photo.Name().String())

	// The friend is told the name, the reader gets the capability.
	if err := theirs.Keep(ctx, mine, photo.Name(), 1<<20); err != nil {
		panic(err)
	}
	given := photo.Reveal()

	b, err := seal.ParseBlob(given)
	if err != nil {
		panic(err)
	}
	n, err := seal.Get(ctx, theirs, b, os.Stdout)
	fmt.Println("\nbytes:", n, err)
	// Output:
	// prints its name only: true
	// a sunset
	// bytes: 8 <nil>
}
