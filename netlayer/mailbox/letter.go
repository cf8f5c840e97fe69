package mailbox

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Bounds of letters.
const (
	// MinLetter and MaxLetter are the lengths of the shortest and the longest letter, in bytes. A letter is as long as one of the
	// powers of two between them.
	MinLetter = 1 << 10
	MaxLetter = 1 << 19
	// MaxFrames is how many frames one letter carries.
	MaxFrames = 4096
	// PartSize is the length of all parts but the last of a frame that is too long for one letter.
	PartSize = 480 << 10
	// MaxReply is the length of the longest Message.Reply.
	MaxReply = 1024
	// FirstContact is how long a letter of first contact is accepted at the most, and how long a link that is begun by mail has to be heard.
	FirstContact = 30 * 24 * time.Hour
	// ReasonRolledBack is the Reason of who ends a link with an error that matches ErrRolledBack, ErrIdentityInUse or ErrEquivocal. Who is told
	// that may be the one that has gone back, and has lost what it knew of letters: it destroys its prekeys.
	ReasonRolledBack = "one side was put back to an earlier state"
)

const (
	version   = 1
	maxReason = 200
	maxHead   = 3 << 10
	maxParts  = (netlayer.MaxFrame + PartSize - 1) / PartSize

	letterLabel = "hawser/letter/1"
	mailLabel   = "hawser/mail/1"
)

// domainLetter is that of the signature in a letter.
const domainLetter sturdyref.Domain = letterLabel

// How a letter is sealed: its second byte.
const (
	toPrekey byte = 0 // Noise X to a prekey, whose id follows
	toStatic byte = 1 // a Noise N box with a secret's id follows, then Noise Xpsk1, both to the static key
)

const (
	idBox        = noisehs.NOverhead + 16
	prekeyHeader = 2 + len(PrekeyID{})
	staticHeader = 2 + idBox
	fixed        = 4 + 64 + 32 // length of the head, signature, MAC
)

// Life is one opening of the store that a link is in. The zero value is that of a link that is not stored.
type Life struct {
	// Store is the store, as it is said to this peer: the same as long as it is that store.
	Store [16]byte
	// Opening is the opening, by chance; Epoch counts them, from 1.
	Opening [16]byte
	Epoch   uint64
	// Base is how many frames of the direction from its owner there were when the store was opened.
	Base uint64
}

// Message is what a letter says: from one end of a link to the other.
type Message struct {
	// Link names the link, for both ends: 32 bytes that chance has chosen and nobody else knows.
	Link [32]byte
	// From is which end of the link the sender is: the one that began it is the dialler.
	From sturdyref.Role
	// Life is the sender's.
	Life
	// Seen is the highest Epoch that the sender has had a letter of from the recipient, on this link.
	Seen uint64
	// Opens says that the sender has not heard from the recipient on this link, which may be new to it.
	Opens bool
	// First is the number of the first of Frames.
	First uint64
	// Frames are frames of the link in order, opaque here. May be empty: then the letter says what is in the other fields.
	Frames [][]byte
	// Part and Parts say, if Parts is not 0, that the one frame is the part with the number Part, from 0, of a frame in Parts
	// parts ([Split]).
	Part, Parts int
	// Next is the number of the frame that the sender expects next from the recipient: it has taken all before. The highest
	// that was said counts.
	Next uint64
	// Over says that the link is over for the sender, and Reason why, for a log: at most 200 bytes.
	Over   bool
	Reason string
	// Reply is where letters to the sender are to be dropped: a sturdyref, empty if the recipient knows. It is a secret.
	Reply string
	// AcceptBy is until when the recipient is to take the letter, in whole seconds. Zero when sealing means as long as may be.
	AcceptBy time.Time
}

// head is what is signed. Everything that the sender says is in it, the frames by their hash.
type head struct {
	Version  uint64   `cbor:"1,keyasint"`
	To       [32]byte `cbor:"2,keyasint"`
	Link     [32]byte `cbor:"3,keyasint"`
	From     uint64   `cbor:"4,keyasint"`
	Epoch    uint64   `cbor:"5,keyasint"`
	First    uint64   `cbor:"6,keyasint"`
	Count    uint64   `cbor:"7,keyasint"`
	Next     uint64   `cbor:"8,keyasint"`
	AcceptBy uint64   `cbor:"9,keyasint"`
	Length   uint64   `cbor:"10,keyasint"`
	Digest   [32]byte `cbor:"11,keyasint"`
	Part     uint64   `cbor:"12,keyasint,omitempty"`
	Parts    uint64   `cbor:"13,keyasint,omitempty"`
	Opens    bool     `cbor:"14,keyasint,omitempty"`
	Over     bool     `cbor:"15,keyasint,omitempty"`
	Reason   string   `cbor:"16,keyasint,omitempty"`
	Reply    string   `cbor:"17,keyasint,omitempty"`
	Record   []byte   `cbor:"18,keyasint,omitempty"`
	Bundle   []byte   `cbor:"19,keyasint,omitempty"`
	Store    [16]byte `cbor:"20,keyasint"`
	Base     uint64   `cbor:"21,keyasint,omitempty"`
	Seen     uint64   `cbor:"22,keyasint,omitempty"`
	Opening  [16]byte `cbor:"23,keyasint"`
}

// check returns why a head is none.
func (h *head) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }
	switch {
	case h.Version != version:
		return bad(fmt.Sprintf("version %d, this program knows version %d", h.Version, version))
	case h.From != uint64(sturdyref.Dialler) && h.From != uint64(sturdyref.Acceptor):
		return bad("it is from neither end of a link")
	case h.Count > MaxFrames || h.First+h.Count < h.First:
		return bad("too many frames, or a number beyond all numbers")
	case h.Parts == 0 && h.Part != 0, h.Parts == 1, h.Parts > maxParts, h.Parts > 0 && (h.Part >= h.Parts || h.Count != 1):
		return bad("parts of a frame that cannot be")
	case h.AcceptBy > maxTime:
		return bad("accept-by is beyond the year 9999")
	case len(h.Reply) > MaxReply || len(h.Reason) > maxReason || len(h.Reason) > 0 && !h.Over:
		return bad("the reply address or the reason is too long, or there is a reason for nothing")
	}
	return nil
}

// body encodes frames.
func body(frames [][]byte) []byte {
	n := 0
	for _, f := range frames {
		n += 4 + len(f)
	}
	b := make([]byte, 0, n)
	for _, f := range frames {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return b
}

// frames decodes a body, which it keeps. None is longer than a link's may be.
func frames(b []byte, count int) ([][]byte, error) {
	if count > len(b)/4 {
		return nil, fmt.Errorf("%w: %d frames in %d bytes", ErrMalformed, count, len(b))
	}
	all := make([][]byte, 0, count)
	for range count {
		if len(b) < 4 {
			return nil, fmt.Errorf("%w: the frames are cut off", ErrMalformed)
		}
		n := binary.BigEndian.Uint32(b)
		b = b[4:]
		if uint64(n) > uint64(len(b)) {
			return nil, fmt.Errorf("%w: the frames are cut off", ErrMalformed)
		}
		all = append(all, b[:n:n])
		b = b[n:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the frames", ErrMalformed, len(b))
	}
	return all, nil
}

// A Fit is how much of a run of frames goes into one letter.
type Fit struct {
	// Frames is how many go whole. If it is 0 the first is too long, and goes in Parts letters.
	Frames, Parts int
}

// room is what frames may take in a letter however long the rest of it is.
const room = MaxLetter - staticHeader - 9*noisehs.XOverhead - fixed - maxHead

// openingRoom is what they may take in one that may open a link: where anybody may drop letters longer ones than 2^16 bytes are refused.
var openingRoom = capacity(staticHeader, 1<<16) - fixed - maxHead

// FitOf returns how many of the frames go into one letter. There is at least one.
func FitOf(frames [][]byte) Fit { return fitOf(frames, room) }

// fitOf is FitOf for a letter in which frames may take so much.
func fitOf(frames [][]byte, room int) (f Fit) {
	size := 0
	for _, b := range frames[:min(len(frames), MaxFrames)] {
		if size += 4 + len(b); size > room {
			break
		}
		f.Frames++
	}
	if f.Frames == 0 {
		f.Parts = (len(frames[0]) + PartSize - 1) / PartSize
	}
	return f
}

// Split returns the parts of a frame that is too long for one letter, for as many Messages: in each Frames has one of them, and
// Part and Parts say which.
func Split(frame []byte) [][]byte { return slices.Collect(slices.Chunk(frame, PartSize)) }

// Binding is the session binding of a link that was opened by a letter: what proofs and signatures within that session are
// bound to, in the place of that of a handshake (docs/mailbox.md).
func Binding(link, dialler, acceptor [32]byte) [32]byte {
	h := sha256.Sum256(slices.Concat([]byte(mailLabel), []byte{0}, link[:]))
	return sha256.Sum256(slices.Concat([]byte("hawser/binding/1"), h[:], dialler[:], acceptor[:]))
}

// bucket returns the length of the shortest letter with a header of the given length that holds n bytes of content, 0 if none does.
func bucket(header, n int) int {
	for size := MinLetter; size <= MaxLetter; size *= 2 {
		if capacity(header, size) >= n {
			return size
		}
	}
	return 0
}

// capacity returns how much content a letter of some size holds.
func capacity(header, size int) int {
	rest := size - header
	pieces := (rest + noisehs.MaxMessage - 1) / noisehs.MaxMessage
	return rest - noisehs.XOverhead - (pieces-1)*noisehs.TransportOverhead
}

// isBucket reports whether letters of that length may be.
func isBucket(size int) bool { return size >= MinLetter && size <= MaxLetter && size&(size-1) == 0 }

// CheckSize returns an error that matches ErrMalformed if no letter has that length.
func CheckSize(size int) error {
	if !isBucket(size) {
		return fmt.Errorf("%w: %d bytes, a letter has a power of two between %d and %d", ErrMalformed, size, MinLetter, MaxLetter)
	}
	return nil
}

// headCodec bounds heads.
var headCodec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: maxHead, Depth: 4, Elements: 32})
	if err != nil {
		panic(err)
	}
	return c
}()
