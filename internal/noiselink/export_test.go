package noiselink

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Resolve returns the addresses that hints stand for.
func Resolve(hints []string, lookup func(ctx context.Context, host string) ([]netip.Addr, error)) (found []string) {
	all, _ := resolve(context.Background(), hints, lookup, nil)
	for _, c := range all {
		found = append(found, c.addr.String())
	}
	return found
}

// Budget is the budget of handshakes with a clock of the test.
type Budget struct{ b *budget }

func NewBudget(l Limits, now func() time.Time) Budget {
	b := newBudget(l)
	b.now = now
	return Budget{b}
}

func (b Budget) MustVerify(addr net.Addr) bool                  { return b.b.mustVerify(addr) }
func (b Budget) Take(addr net.Addr) (release func(), err error) { return b.b.take(addr) }
func (b Budget) Sources() int                                   { return len(b.b.sources) }

// HintAddresses is what Connect uses.
var (
	HintAddresses = hintAddresses
)

// Scan feeds a stream, of a carrier on which pings are answered or not, to a fresh scanner in pieces and returns what it kept, how many frames ended and the farewell.
func Scan(answered bool, pieces ...[]byte) (kept []byte, frames int, reason string, orderly bool, err error) {
	s := scanner{answered: answered}
	for _, p := range pieces {
		k, n, err := s.scan(bytes.Clone(p))
		kept, frames = append(kept, k...), frames+n
		if err != nil {
			return kept, frames, "", false, err
		}
	}
	reason, orderly = s.farewell()
	return kept, frames, reason, orderly, nil
}

// Inbox is what is between the pump and the reader.
type Inbox struct {
	b inbox
	s scanner
}

func NewInbox() *Inbox {
	i := &Inbox{}
	i.b.init(nil)
	return i
}

// Answered says whether the carrier is one on which pings are answered.
func (i *Inbox) Answered(yes bool) { i.s.answered = yes }

// Put takes bytes as the pump does and returns a slice for the next.
func (i *Inbox) Put(b []byte) []byte {
	kept, n, err := i.s.scan(b)
	if err != nil {
		panic(err)
	}
	return i.b.put(kept, n)
}

func (i *Inbox) Next() []byte { return i.b.next() }

// ParseHello and ParseSelf parse handshake payloads and write them again.
func ParseHello(b []byte) (again []byte, err error) {
	h, err := parseHello(b)
	if err != nil {
		return nil, err
	}
	return h.encode(), nil
}

func ParseSelf(b []byte) (again []byte, err error) {
	says, p, frames, err := parseSelf(b)
	switch {
	case err != nil:
		return nil, err
	case says == sayNamed:
		again = appendSelf(nil, &p)
	case says == sayAnonymous:
		again = appendSelf(nil, nil)
	default:
		again = []byte{says}
	}
	return append(again, frames...), nil
}

// ParseLast parses the payload of a last message and writes it again.
func ParseLast(b []byte) (again []byte, err error) {
	credential, err := cutCredential(&b)
	if err != nil {
		return nil, err
	}
	again, err = ParseSelf(b)
	return append(appendCredential(nil, credential), again...), err
}

// ParseFeatures says whether the payload of a second message is one.
func ParseFeatures(b []byte) error {
	_, err := parseFeatures(b)
	return err
}

// ParseConfirm and ParseResumed parse what is said by one that resumes, and of it, and write it again.
func ParseConfirm(b []byte) (again []byte, err error) {
	said, features, err := parseConfirm(b)
	if err != nil {
		return nil, err
	}
	return EncodeConfirm(said, features), nil
}

func ParseResumed(b []byte) (again []byte, err error) {
	said, err := parseResumed(b)
	switch {
	case errors.Is(err, netlayer.ErrCrossed):
		return []byte{sayCrossed}, nil
	case err != nil:
		return nil, err
	}
	return EncodeResumed(said), nil
}

func EncodeConfirm(said []byte, features []string) []byte {
	return appendFeatures(appendSaid(nil, said), features)
}

func EncodeResumed(said []byte) []byte { return appendSaid([]byte{sayResumed}, said) }

// RecordsKept verifies records as a netlayer does and returns how many it then remembers.
func RecordsKept(records []*sturdyref.Record) (int, error) {
	c := recordCache{m: make(map[string]*sturdyref.Record)}
	for _, r := range records {
		if _, err := c.verify(r.Encoded(), r.Static); err != nil {
			return 0, err
		}
	}
	return len(c.m), nil
}

// Prologue, SessionBinding, PublicPSK, SessionMessage and EncodeSelf are what the vectors pin.
var (
	Prologue       = Carrier.prologue
	SessionBinding = sessionBinding
	PublicPSK      = Carrier.publicPSK
	SessionMessage = sessionMessage
)

func EncodeHello(secret [16]byte, features []string) []byte { return hello{secret, features}.encode() }

func EncodeFeatures(features []string) []byte { return appendFeatures(nil, features) }

func EncodeSelf(record []byte, signature [64]byte, frames ...[]byte) []byte {
	b := appendSelf(nil, &proof{record, signature})
	for _, f := range frames {
		b = appendFrame(b, f)
	}
	return b
}

func EncodeAnonymous(frames ...[]byte) []byte {
	b := appendSelf(nil, nil)
	for _, f := range frames {
		b = appendFrame(b, f)
	}
	return b
}

func EncodeCredential(credential []byte) []byte { return appendCredential(nil, credential) }

// CredentialOf returns the credential in the payload of a last message.
func CredentialOf(b []byte) []byte {
	credential, _ := cutCredential(&b)
	return credential
}

func EndMark(reason string) []byte { return endMark(reason) }

// Tally has fn told of the operations that refusals must have in common.
func (n *Node) Tally(fn func(what string)) { n.tally = fn }
