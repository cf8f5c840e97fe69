package home_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
)

// script is a peer that speaks frames: no session, no tables, no manners.
type script struct {
	t        *testing.T
	conn     netlayer.Conn
	enc      *wire.Encoder
	dec      *wire.Decoder
	key      ed25519.PrivateKey
	greeting *msg.StartSession // the Home's
	answers  uint64
	aborted  bool // in place of a greeting
}

// scripted connects a peer of that name to a Home, and says hello.
func scripted(t *testing.T, n *mem.Network, name string, to sturdyref.Peer) *script {
	t.Helper()
	host := n.Host(mem.HostConfig{Name: name})
	t.Cleanup(func() { _ = host.Close() })
	conn, err := host.Connect(t.Context(), netlayer.Dial{Peer: to})
	if err != nil {
		t.Fatal(err)
	}
	return speak(t, conn, host.Location(), newKey())
}

func newKey() ed25519.PrivateKey {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	return key
}

// speak says hello over a connection and takes the Home's.
func speak(t *testing.T, conn netlayer.Conn, at sturdyref.Peer, key ed25519.PrivateKey) *script {
	t.Helper()
	s := &script{t: t, conn: conn, enc: wire.NewEncoder(wire.Hawser), dec: wire.NewDecoder(wire.Hawser, wire.Limits{}), key: key}
	hello := &msg.StartSession{Version: "1.0", Location: at}
	if err := wire.Hawser.SignHello(hello, s.key); err != nil {
		t.Fatal(err)
	}
	s.send(hello)
	switch op := s.next().(type) {
	case *msg.StartSession:
		s.greeting = op
	case *msg.Abort:
		s.aborted = true
	default:
		t.Fatalf("%v came, want a greeting", op)
	}
	return s
}

func (s *script) send(op msg.Op) {
	s.t.Helper()
	frame, err := s.enc.Append(nil, op, nil)
	if err == nil {
		err = s.conn.Write([][]byte{frame})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// next returns the next operation, nil at the end.
func (s *script) next() msg.Op {
	f, err := s.conn.Read()
	if err != nil {
		return nil
	}
	op, err := s.dec.Decode(f.Bytes, nil)
	if err != nil {
		s.t.Fatalf("%v: %q", err, f.Bytes)
	}
	f.Done()
	if d, ok := op.(*msg.Deliver); ok {
		c := *d
		return &c
	}
	return op
}

// ours and theirs are the public identifiers of the session, id its own.
func (s *script) ours() [32]byte   { return wire.Hawser.PublicID(s.public()) }
func (s *script) theirs() [32]byte { return wire.Hawser.PublicID(s.greeting.PublicKey) }
func (s *script) id() [32]byte     { return wire.SessionID(s.ours(), s.theirs()) }
func (s *script) public() [32]byte { return [32]byte(s.key.Public().(ed25519.PublicKey)) }

// tell sends the Home's bootstrap object a message that wants no answer.
func (s *script) tell(selector string, args ...any) {
	s.t.Helper()
	s.send(&msg.Deliver{To: msg.Desc{Kind: msg.Export}, Selector: passable.Symbol(selector), Args: args})
}

// ask sends it one that does, and returns where the answer comes.
func (s *script) ask(selector string, args ...any) (resolver uint64) {
	s.t.Helper()
	s.answers++
	s.send(&msg.Deliver{
		To: msg.Desc{Kind: msg.Export}, Selector: passable.Symbol(selector), Args: args, Answer: s.answers, HasAnswer: true,
		Resolve: msg.Desc{Kind: msg.ImportObject, Pos: 100 + s.answers}, HasResolve: true,
	})
	return 100 + s.answers
}

// settled waits for an answer: nil if it is a value, else the error, of which "ended" is the connection's end.
func (s *script) settled(resolver uint64) (code string) {
	s.t.Helper()
	for {
		switch op := s.next().(type) {
		case nil:
			return "ended"
		case *msg.Deliver:
			if op.To.Pos != resolver {
				continue
			}
			if op.Selector == "fulfill" {
				return ""
			}
			if e, ok := op.Args[0].(passable.Error); ok {
				return e.Code
			}
			return "another error"
		}
	}
}

// give signs a certificate of s's session with the exporter, for the receiver with that key.
func (s *script) give(receiver [32]byte, exporter sturdyref.Peer, id any, change func(*msg.HandoffGive)) *msg.SigEnvelope {
	s.t.Helper()
	g := &msg.HandoffGive{ReceiverKey: receiver, Exporter: exporter, Session: s.id(), GifterSide: s.ours(), GiftID: id}
	if change != nil {
		change(g)
	}
	env, err := wire.Hawser.Sign(g, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return env
}

// receive signs, with the key it had with the gifter, that s redeems give.
func (s *script) receive(key ed25519.PrivateKey, count uint64, give *msg.SigEnvelope, change func(*msg.HandoffReceive)) *msg.SigEnvelope {
	s.t.Helper()
	r := &msg.HandoffReceive{Session: s.id(), Side: s.ours(), Count: count, Give: give}
	if change != nil {
		change(r)
	}
	env, err := wire.Hawser.Sign(r, key)
	if err != nil {
		s.t.Fatal(err)
	}
	return env
}

func (s *script) hangUp() { _ = s.conn.Close("") }
