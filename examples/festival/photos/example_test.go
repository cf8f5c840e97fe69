package photos_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/examples/festival/photos"
)

// An owner shares an album, and takes that back: what was read stays read.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "photos")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	open := func(who string) *photos.Program {
		p, err := photos.Open(ctx, photos.Config{Dir: filepath.Join(dir, who), Listen: "127.0.0.1:0"})
		if err != nil {
			log.Fatal(err)
		}
		return p
	}
	ada, vera := open("ada"), open("vera")
	defer ada.Close()
	defer vera.Close()

	file := filepath.Join(dir, "choir.png")
	if err := os.WriteFile(file, []byte("the last encore"), 0o600); err != nil {
		log.Fatal(err)
	}
	harbour, err := ada.Begin(ctx, "Harbour at night")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := ada.Add(ctx, harbour, file, "Bring a coat."); err != nil {
		log.Fatal(err)
	}
	invitation, err := ada.Share(ctx, harbour, album.AsReader, vera.Key(), "vera") // no secret: it can go by any way
	if err != nil {
		log.Fatal(err)
	}

	n, err := vera.Accept(ctx, invitation.String())
	if err != nil {
		log.Fatal(err)
	}
	a, err := vera.Read(ctx, n)
	fmt.Println(a.Title, len(a.Photos), a.Photos[0].Name, err)
	got, err := vera.Fetch(ctx, n, 1, filepath.Join(dir, "fetched.png"))
	fmt.Println(got.Photo.Size, err)

	if _, err := ada.Revoke(ctx, 1, "enough"); err != nil {
		log.Fatal(err)
	}
	if _, err := ada.Add(ctx, harbour, file, "For family only."); err != nil {
		log.Fatal(err)
	}
	a, err = vera.Read(ctx, n)
	fmt.Println(len(a.Photos), errors.Is(err, hawser.ErrGrantRefused))
	// Output:
	// Harbour at night 1 choir.png <nil>
	// 15 <nil>
	// 1 true
}
