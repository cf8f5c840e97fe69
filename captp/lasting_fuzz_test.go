package captp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/vat"
)

// FuzzRestore damages what is stored of a session: rows are replaced, added or, without a value, removed. Whatever there is, reading it
// says what is wrong, or the session goes on and can be ended.
func FuzzRestore(f *testing.F) {
	image, name := storedSession(f)
	for _, row := range image.rows("tables") {
		f.Add(append(append([]byte{}, row[0][16:]...), append([]byte{byte(len(row[1]))}, row[1]...)...))
	}
	seed := func(rows ...[]byte) {
		var all []byte
		for _, r := range rows {
			all = append(all, r...)
		}
		f.Add(all)
	}
	row := func(sort byte, n uint64, value ...byte) []byte {
		return append(append(binary.BigEndian.AppendUint64([]byte{sort}, n), byte(len(value))), value...)
	}
	const no, yes = 0xf4, 0xf5
	seed(row('e', 1<<40, 0x84, 1, no, 0, 0))                                          // a position beyond all
	seed(row('q', 1<<40, 0x80))                                                       // likewise
	seed(row('q', 0, 0x80), row('e', 0, 0x84, 1, no, 0, 0), row('i', 0, 0x82, 1, no)) // those that are there always
	seed(row('e', 5, 0x84, 1, no, 0x18, 'w', 9))                                      // a resolver of a wait that is not there
	seed(row('e', 5, 0x84, 1, no, 0x18, 'e', 0), row('w', 1, 0x85, 0x18, 'q', 1, 5, yes, yes))
	seed(row('w', 1, 0x85, 0x18, 'q', 1, 5, no, yes)) // a wait for a resolver that is not there
	seed(row('e', 5, 0x84, 1, no, 0x18, 'w', 1), row('w', 1, 0x85, 0x18, 'i', 3, 5, yes, yes), row('w', 2, 0x85, 0x18, 'i', 3, 5, yes, yes))
	seed(row('w', 3, 0x85, 0x18, 'q', 1, 0, yes, yes), row('l', 7, 0x83, 1, yes, yes), row('g', 1, 0x81, 0x40))
	seed(row('e', 5, 0x84, 1, no, 0x18, 'q', 1), row('e', 6, 0x84, 1, no, 0x18, 'q', 1)) // two resolvers of one promise
	seed(row('i', 3, 0x82, 0, yes), row('i', 4, 0x82, 0x1b, 255, 255, 255, 255, 255, 255, 255, 255, no))
	f.Fuzz(func(t *testing.T, data []byte) {
		disk := image.clone(t)
		var b store.Batch
		for range 16 {
			if len(data) < 10 {
				break
			}
			key := append(name[:len(name):len(name)], data[:9]...)
			value := data[10:min(len(data), 10+int(data[9]))]
			if data = data[10+len(value):]; len(value) == 0 {
				b.Delete("tables", key)
			} else {
				b.Put("tables", key, value)
			}
		}
		if err := disk.Apply([]*store.Batch{&b}); err != nil {
			t.Fatal(err)
		}
		reopen(t, disk, [16]byte(name))
	})
}

// reopen has the session of a store go on, with a peer that says what fits anything, and ends it, if the store lets it.
func reopen(t *testing.T, disk *memory.Backend, name [16]byte) {
	_ = disk.View(func(r store.Reader) error { _, err := captp.StoredSessions(r); return err })
	s, err := store.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	ledger, err := captp.OpenLedger(s, captp.Limits{})
	if err != nil {
		return
	}
	d, err := vat.OpenDepot(s, vat.DepotConfig{Kinds: []vat.Kind{tellerKind, purseKind, playerKind}, Outside: ledger})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	ledger.Use(d)
	v := vat.New(nil)
	defer func() { _ = v.Close() }()
	boot := doIn(t, v, func(ctx context.Context) vat.Ref { return vat.Func(ctx, func(n int) int { return n }) })
	conn := &fakeConn{name: name, frames: everything()}
	session, err := ledger.Restore(conn, captp.Config{Bootstrap: boot, Ledger: ledger, LazyRelease: true})
	if err != nil {
		return
	}
	if session == nil {
		t.Fatal("no session")
	}
	if err := session.Resume(); err != nil {
		t.Fatal(err)
	}
	d.Start()
	<-session.Done()
}

// everything is something of all that a peer may say.
func everything() (frames [][]byte) {
	enc := wire.NewEncoder(wire.Hawser)
	say := func(op msg.Op) {
		b, err := enc.Append(nil, op, nil)
		if err != nil {
			panic(err)
		}
		frames = append(frames, b)
	}
	for pos := range msg.Pos(8) {
		say(&msg.Deliver{To: msg.Desc{Kind: msg.Export, Pos: pos}, Selector: "fulfill", Args: []any{int64(1)}})
	}
	for pos := range msg.Pos(8) {
		say(&msg.Listen{To: msg.Desc{Kind: msg.Export, Pos: pos}, Resolve: msg.Desc{Kind: msg.ImportObject, Pos: 40 + pos}})
	}
	for pos := range msg.Pos(8) {
		say(&msg.GCExports{Positions: []msg.Pos{pos}, Deltas: []uint64{1}})
	}
	say(&msg.GCAnswers{Positions: []msg.Pos{1}})
	return frames
}

// fakeConn is a connection that lasts, of which a peer's frames are read until there are no more.
type fakeConn struct {
	name   [16]byte
	frames [][]byte
}

func (c *fakeConn) Info() netlayer.Info {
	return netlayer.Info{Authenticated: true, Features: []string{captp.FeatureLasts, captp.FeatureMovesQueues}}
}

func (c *fakeConn) Read() (netlayer.Frame, error) {
	if len(c.frames) == 0 {
		return netlayer.Frame{}, errors.Join(errors.New("there is no more"), net.ErrClosed)
	}
	b := c.frames[0]
	c.frames = c.frames[1:]
	return netlayer.Frame{Bytes: b}, nil
}

func (c *fakeConn) More() bool                                      { return true }
func (c *fakeConn) Write([][]byte) error                            { return nil }
func (c *fakeConn) Close(string) error                              { return nil }
func (c *fakeConn) Name() [16]byte                                  { return c.name }
func (c *fakeConn) Last(*store.Batch) (taken, mark uint64, _ error) { return 0, 0, nil }
func (c *fakeConn) Record(*store.Batch, [][]byte) uint64            { return 0 }
func (c *fakeConn) Recorded(uint64)                                 {}
func (c *fakeConn) Held() int                                       { return 0 }
func (c *fakeConn) Flush() error                                    { return nil }
func (c *fakeConn) Forget(*store.Batch)                             {}

// image is what is in a store.
type image map[string][][2][]byte

func (i image) rows(bucket string) [][2][]byte { return i[bucket] }

func (i image) clone(t *testing.T) *memory.Backend {
	disk := new(memory.Backend)
	s, err := store.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	for bucket, rows := range i {
		for _, row := range rows {
			b.Put(bucket, row[0], row[1])
		}
	}
	if err := errors.Join(s.Write(&b), s.Close()); err != nil {
		t.Fatal(err)
	}
	return disk
}

// storedSession returns a store with a session in which both sides wait for much, and the session's name.
func storedSession(f *testing.F) (image, []byte) {
	net := mem.New(nil)
	defer net.Close()
	a, b := newMachine(f, net, "a"), newMachine(f, net, "b")
	b.root("b")
	call[any](f, a.root("a"), "link", a.dial(b, "b"))
	call[any](f, b.root("b"), "link", b.fetch(a, "a"))
	call[any](f, a.root("a"), "askNever")
	call[any](f, b.root("b"), "askNever")
	call[any](f, a.root("a"), "tour")
	for end := time.Now().Add(10 * time.Second); len(lines(f, a.root("a"))) < 13 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	a.kill()
	b.kill()
	i := make(image)
	_ = a.disk.View(func(r store.Reader) error {
		for _, bucket := range r.Buckets() {
			r.Scan(bucket, nil, func(key, value []byte) bool {
				i[bucket] = append(i[bucket], [2][]byte{append([]byte{}, key...), append([]byte{}, value...)})
				return true
			})
		}
		return nil
	})
	if len(i["sessions"]) != 1 || len(i["tables"]) < 5 {
		f.Fatalf("there is nothing to damage: %d sessions, %d rows", len(i["sessions"]), len(i["tables"]))
	}
	return i, i["sessions"][0][0]
}
