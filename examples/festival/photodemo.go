package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/hawser-go/hawser/examples/play"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
)

const photosDemoHelp = `festival photos demo runs two owners of albums, a reader of both, her friend and a keeper as processes of their own, which talk over
the loopback interface, and prints what each of them sees. It ends with exit code 0 if everything went as it should.
`

func photosDemo(ctx context.Context, args []string) error {
	return perform(ctx, "photos demo", photosDemoHelp, args, (*demo).photos)
}

// opens has somebody's program start, and returns it and its key.
func (d *demo) opens(name string) (*play.Process, string) {
	p := d.Start(name, "photos", "open", "--dir", filepath.Join(d.Dir, name), "--listen", loopback, "--sync", "0")
	return p, strings.TrimPrefix(d.Hears(p, "key "), "key ")
}

// shared has an owner share an album, and somebody else accept that.
func (d *demo) shared(owner *play.Process, number, role, key, name string, with *play.Process) {
	d.Says(owner, "share "+number+" "+role+" "+key+" "+name)
	d.Gets(with, "accept "+d.Hears(owner, "invitation hawser-grant:"))
}

// photo makes a photo, of night in the harbour.
func (d *demo) photo(name string) string {
	path := filepath.Join(d.Dir, name)
	if d.Err != nil {
		return path
	}
	dark := rand.New(rand.NewPCG(uint64(len(name)), 7))
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			n := uint8(dark.Uint32N(48))
			img.Set(x, y, color.RGBA{n, n + uint8(y/4), 2*n + uint8(y/2), 255})
		}
	}
	var b bytes.Buffer
	if d.Err = png.Encode(&b, img); d.Err == nil {
		d.Err = os.WriteFile(path, b.Bytes(), 0o600)
	}
	return path
}

// spoil changes a byte of every piece that is kept on somebody's disk.
func (d *demo) spoil(p *play.Process) {
	if d.Err != nil {
		return
	}
	st, err := bolt.Open(filepath.Join(d.Dir, p.Who, "blobs.db"))
	if err != nil {
		d.Err = err
		return
	}
	var bad store.Batch
	err = st.View(func(r store.Reader) error {
		r.Scan("kept", nil, func(key, value []byte) bool {
			if len(value) > 10_000 { // else it is the list of the pieces
				value = bytes.Clone(value)
				value[len(value)/2] ^= 1
				bad.Put("kept", bytes.Clone(key), value)
			}
			return true
		})
		return nil
	})
	if err == nil && len(bad.Ops()) == 0 {
		err = fmt.Errorf("%s keeps nothing", p.Who)
	}
	if err == nil {
		err = st.Write(&bad)
	}
	if e := st.Close(); err == nil {
		err = e
	}
	d.Err = err
	d.Line(p, "has a bad disk")
}

// none checks that nothing is left of a photo that could not be had.
func (d *demo) none(p *play.Process, path string) {
	if d.Err != nil {
		return
	}
	left, err := filepath.Glob(filepath.Join(d.Dir, ".photo-*"))
	if err != nil {
		d.Err = err
		return
	}
	if _, err := os.Lstat(path); err == nil || len(left) > 0 {
		d.Err = fmt.Errorf("%s has something of a photo that is none: %v", p.Who, left)
		return
	}
	d.Seen++
	d.Line(p, "has    nothing of it")
}

// same checks that what was fetched is the photo.
func (d *demo) same(p *play.Process, path, fetched string) {
	if d.Err != nil {
		return
	}
	was, err := os.ReadFile(path)
	if err != nil {
		d.Err = err
		return
	}
	is, err := os.ReadFile(fetched)
	if err != nil {
		d.Err = err
		return
	}
	if !bytes.Equal(was, is) {
		d.Err = fmt.Errorf("%s has not got %s", p.Who, filepath.Base(path))
		return
	}
	d.Seen++
	d.Line(p, fmt.Sprintf("has    %s, byte by byte", filepath.Base(path)))
}
