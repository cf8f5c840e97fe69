package conformance_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/conformance/wrongpeer"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
)

// stage is where a conversation with the small correct peer takes place. Whatever
// is random about the peer comes from one seed, so it says the same each time.
type stage struct {
	t       *testing.T
	network *mem.Network
	peer    *wrongpeer.Peer
	lines   map[string]*stageLine
	order   []string
	file    txtar.Archive
	readers sync.WaitGroup
}

// stageLine is one connection of the conversation.
type stageLine struct {
	conn   netlayer.Conn
	host   *mem.Host
	key    ed25519.PrivateKey
	theirs [32]byte // the peer's key

	mu    sync.Mutex
	heard [][]byte
	ended bool
}

func newStage(t *testing.T) *stage {
	network := mem.New(nil)
	return &stage{
		t: t, network: network, lines: map[string]*stageLine{},
		peer: wrongpeer.Start(network.Host(mem.HostConfig{Name: "peer"}), wrongpeer.Config{Dialect: &wire.Hawser, Random: rand.NewChaCha8([32]byte{7})}),
	}
}

func (s *stage) close() {
	s.peer.Close()
	s.network.Close()
	s.readers.Wait()
}

// open connects a party of that name, and notes it down.
func (s *stage) open(name string) {
	s.t.Helper()
	l := &stageLine{host: s.network.Host(mem.HostConfig{Name: name}), key: seed(byte(100 + len(s.lines)))}
	conn, err := l.host.Connect(context.Background(), netlayer.Dial{Peer: s.peer.Location()})
	if err != nil {
		s.t.Fatal(err)
	}
	l.conn = conn
	s.lines[name], s.order = l, append(s.order, name)
	s.readers.Go(func() {
		for {
			frame, err := conn.Read()
			l.mu.Lock()
			if err != nil {
				l.ended = true
				l.mu.Unlock()
				return
			}
			l.heard = append(l.heard, bytes.Clone(frame.Bytes))
			l.mu.Unlock()
			frame.Done()
		}
	})
	s.note(name+" opens", nil)
	s.listen()
}

// say sends frames and waits until everybody has heard what comes of it.
func (s *stage) say(name string, frames [][]byte) {
	s.t.Helper()
	s.note(name+" says", frames)
	for _, frame := range frames {
		if err := s.lines[name].conn.Write([][]byte{frame}); err != nil && !errors.Is(err, net.ErrClosed) {
			s.t.Fatal(err)
		}
	}
	s.listen()
}

// listen notes down what was heard since.
func (s *stage) listen() {
	synctest.Wait()
	for _, name := range s.order {
		l := s.lines[name]
		l.mu.Lock()
		heard, ended := l.heard, l.ended
		l.heard = nil
		l.mu.Unlock()
		if len(heard) > 0 {
			s.note(name+" hears", heard)
		}
		if ended {
			s.note(name+" is closed", nil)
			l.mu.Lock()
			l.ended = false
			l.mu.Unlock()
		}
		for _, frame := range heard {
			op, err := wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode(frame, nil)
			if err != nil {
				s.t.Errorf("%s hears what cannot be read: %v", name, err)
			}
			if hello, ok := op.(*msg.StartSession); ok {
				if err := wire.VerifyHello(hello); err != nil {
					s.t.Error(err)
				}
				l.theirs = hello.PublicKey
			}
		}
	}
}

func (s *stage) note(what string, frames [][]byte) {
	var b bytes.Buffer
	for _, frame := range frames {
		b.WriteString(escape(frame) + "\n")
	}
	s.file.Files = append(s.file.Files, txtar.File{Name: fmt.Sprintf("%02d %s", len(s.file.Files)+1, what), Data: b.Bytes()})
}

// escape writes a message as one line: bytes that are not printable ASCII, and
// the backslash, as \xNN.
func escape(frame []byte) string {
	var b strings.Builder
	for _, c := range frame {
		if c < ' ' || c > '~' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescape(line string) ([]byte, error) {
	var b []byte
	for i := 0; i < len(line); i++ {
		if line[i] != '\\' {
			b = append(b, line[i])
			continue
		}
		if i+4 > len(line) || line[i+1] != 'x' {
			return nil, errors.New("a backslash begins nothing but \\xNN")
		}
		n, err := strconv.ParseUint(line[i+2:i+4], 16, 8)
		if err != nil {
			return nil, err
		}
		b = append(b, byte(n))
		i += 3
	}
	return b, nil
}

// TestTranscripts replays every conversation: it says what the file says and
// hears what the file hears, to the byte.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txtar")
	if err != nil || len(files) < len(conversations) {
		t.Fatalf("%d transcripts, want %d: %v", len(files), len(conversations), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			want, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				defer s.close()
				for _, f := range want.Files {
					_, rest, _ := strings.Cut(f.Name, " ")
					who, what, _ := strings.Cut(rest, " ")
					switch what {
					case "opens":
						s.open(who)
					case "says":
						var frames [][]byte
						for line := range strings.Lines(string(f.Data)) {
							frame, err := unescape(strings.TrimSuffix(line, "\n"))
							if err != nil {
								t.Fatal(err)
							}
							frames = append(frames, frame)
						}
						s.say(who, frames)
					}
				}
				if got := txtar.Format(&s.file); !bytes.Equal(got, txtar.Format(&txtar.Archive{Files: want.Files})) {
					t.Errorf("the conversation went otherwise:\n%s\nwant\n%s", got, txtar.Format(&txtar.Archive{Files: want.Files}))
				}
			})
		})
	}
}

// TestWriteTranscripts makes the files anew, with -update.
func TestWriteTranscripts(t *testing.T) {
	if !*update {
		t.Skip("writes the transcripts with -update only")
	}
	if err := errors.Join(os.RemoveAll("testdata/transcripts"), os.MkdirAll("testdata/transcripts", 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, c := range conversations {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			defer s.close()
			s.file.Comment = []byte(c.about + "\n\n")
			c.play(s)
			if err := os.WriteFile("testdata/transcripts/"+c.name+".txtar", txtar.Format(&s.file), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// ops says operations.
func (s *stage) ops(name string, ops ...msg.Op) {
	s.t.Helper()
	var frames [][]byte
	for _, op := range ops {
		frame, err := wire.NewEncoder(wire.Hawser).Append(nil, op, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		frames = append(frames, frame)
	}
	s.say(name, frames)
}

// greet opens a session.
func (s *stage) greet(name string) {
	s.open(name)
	s.ops(name, s.hello(name))
}

func (s *stage) hello(name string) *msg.StartSession {
	l := s.lines[name]
	op := &msg.StartSession{Version: "1.0", Location: l.host.Location()}
	if err := wire.Hawser.SignHello(op, l.key); err != nil {
		s.t.Fatal(err)
	}
	return op
}

// ids returns our public id and that of the session.
func (l *stageLine) ids() (ours, session [32]byte) {
	ours = wire.Hawser.PublicID(public(l.key))
	return ours, wire.SessionID(ours, wire.Hawser.PublicID(l.theirs))
}

func exported(pos uint64) msg.Desc { return msg.Desc{Kind: msg.Export, Pos: pos} }
func answered(pos uint64) msg.Desc { return msg.Desc{Kind: msg.Answer, Pos: pos} }

// asks is a message with a resolver and, unless it is 0, an answer position.
func asks(to msg.Desc, resolver, at uint64, args ...any) *msg.Deliver {
	return &msg.Deliver{
		To: to, Args: args, Answer: at, HasAnswer: at > 0,
		Resolve: msg.Desc{Kind: msg.ImportObject, Pos: resolver}, HasResolve: resolver > 0,
	}
}

func fetches(resolver, at uint64, swiss string) *msg.Deliver {
	return asks(exported(0), resolver, at, passable.Symbol("fetch"), []byte(swiss))
}

func listens(to msg.Desc, resolver uint64) *msg.Listen {
	return &msg.Listen{To: to, Resolve: msg.Desc{Kind: msg.ImportObject, Pos: resolver}}
}

const (
	builder  = "JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ"
	echo     = "IO58l1laTyhcrgDKbEzFOO32MDd6zE5w"
	greeter  = "VMDDd1voKWarCe2GvgLbxbVFysNzRPzx"
	resolver = "IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr"
)

var conversations = []struct {
	name, about string
	play        func(*stage)
}{
	{"fetch-and-call", "An object is fetched and called; what does not exist is not found.", func(s *stage) {
		s.greet("alice")
		s.ops("alice", fetches(1, 0, echo))
		s.ops("alice", asks(exported(1), 2, 0, "foo", int64(1), false, []byte("bar"), []any{"baz"}))
		s.ops("alice", fetches(3, 0, "no such object"))
		s.ops("alice", &msg.Abort{Reason: "goodbye"})
	}},
	{"pipeline", "Four messages at once: each goes to the answer of the one before.", func(s *stage) {
		s.greet("alice")
		s.ops("alice", fetches(0, 1, builder), asks(answered(1), 0, 2),
			asks(answered(2), 0, 3, []any{passable.Symbol("red"), passable.Symbol("zoomracer")}), asks(answered(3), 1, 0))
		s.ops("alice", &msg.GCAnswers{Positions: []uint64{1, 2, 3}})
	}},
	{"broken-pipeline", "The second of three pipelined messages fails, and so does the third.", func(s *stage) {
		s.greet("alice")
		s.ops("alice", fetches(0, 1, builder), asks(answered(1), 0, 2), asks(answered(2), 0, 3, []any{int64(1)}), asks(answered(3), 1, 0))
	}},
	{"promises", "Listeners before and after a promise is settled, and a promise that becomes another.", func(s *stage) {
		s.greet("alice")
		s.ops("alice", fetches(1, 0, resolver))
		s.ops("alice", asks(exported(1), 2, 0))
		s.ops("alice", asks(exported(1), 3, 0))
		s.ops("alice", listens(exported(2), 4))
		s.ops("alice", asks(exported(3), 0, 0, passable.Symbol("fulfill"), exported(4)))
		s.ops("alice", asks(exported(5), 0, 0, passable.Symbol("fulfill"), int64(42)))
		s.ops("alice", listens(exported(2), 5))
		s.ops("alice", asks(exported(1), 6, 0))
		s.ops("alice", listens(exported(6), 7), asks(exported(7), 0, 0, passable.Symbol("break"), passable.Symbol("oh-no")))
	}},
	{"selection", "op:get, op:index and op:untag, each from what the one before selects, before there is anything.", func(s *stage) {
		s.greet("alice")
		s.ops("alice", fetches(1, 0, resolver))
		s.ops("alice", asks(exported(1), 2, 0))
		s.ops("alice", &msg.Get{To: exported(2), Field: "list", Answer: 1}, &msg.Index{To: answered(1), Index: 1, Answer: 2},
			&msg.Untag{To: answered(2), Tag: "decimal", Answer: 3}, listens(answered(3), 3), &msg.Get{To: exported(2), Field: "absent", Answer: 4}, listens(answered(4), 4))
		s.ops("alice", asks(exported(3), 0, 0, passable.Symbol("fulfill"),
			passable.Struct{{Key: "list", Value: []any{"zero", passable.Tagged{Tag: "decimal", Value: "3.14"}}}}))
	}},
	{"garbage", "References and answers are given up, by both sides.", func(s *stage) {
		s.greet("alice")
		s.ops("alice", fetches(1, 0, echo), fetches(2, 0, echo))
		s.ops("alice", asks(exported(1), 0, 0, msg.Desc{Kind: msg.ImportObject, Pos: 3}, msg.Desc{Kind: msg.ImportObject, Pos: 3}))
		s.ops("alice", &msg.GCExports{Positions: []uint64{1}, Deltas: []uint64{1}}, asks(exported(1), 4, 0, "still there"))
		s.ops("alice", fetches(5, 0, greeter))
		s.ops("alice", asks(exported(2), 0, 0, msg.Desc{Kind: msg.ImportObject, Pos: 6}))
	}},
	{"bad-hello", "The location is not signed with the session key: the session is aborted.", func(s *stage) {
		s.open("mallory")
		op := s.hello("mallory")
		op.Signature[0] ^= 1
		s.ops("mallory", op)
	}},
	{"bad-version", "Another version: the session is aborted.", func(s *stage) {
		s.open("mallory")
		op := s.hello("mallory")
		op.Version = "2.0"
		s.ops("mallory", op)
	}},
	{"second-hello", "op:start-session comes again: the session is aborted.", func(s *stage) {
		s.greet("mallory")
		s.ops("mallory", s.hello("mallory"))
	}},
	{"handoff", "The gifter deposits the echo object for the receiver, who withdraws it, uses it, and fails to withdraw it again.", func(s *stage) {
		s.greet("gifter")
		s.greet("receiver")
		s.ops("gifter", fetches(1, 0, echo))
		gifter, receiver := s.lines["gifter"], s.lines["receiver"]
		gifterID, ge := gifter.ids()
		receiverID, re := receiver.ids()
		give := &msg.HandoffGive{ReceiverKey: public(receiverAside), Exporter: s.peer.Location(), Session: ge, GifterSide: gifterID, GiftID: vectorGift}
		signedGive, err := wire.Hawser.Sign(give, gifter.key)
		if err != nil {
			s.t.Fatal(err)
		}
		signed, err := wire.Hawser.Sign(&msg.HandoffReceive{Session: re, Side: receiverID, Give: signedGive}, receiverAside)
		if err != nil {
			s.t.Fatal(err)
		}
		deposit := asks(exported(0), 0, 0, passable.Symbol("deposit-gift"), vectorGift, exported(1))
		s.ops("receiver", asks(exported(0), 1, 1, passable.Symbol("withdraw-gift"), signed), asks(answered(1), 2, 0, "pipelined"))
		s.ops("gifter", deposit)
		s.ops("gifter", deposit)
		s.ops("receiver", asks(exported(0), 3, 2, passable.Symbol("withdraw-gift"), signed))
	}},
}
