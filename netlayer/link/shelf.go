package link

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
)

// What links keep in the store, each under its name. What is written in the transactions of whoever records frames, and what
// is written in those of this package, are kept apart, as nobody knows which come first.
const (
	bucketLinks  = "links"        // linkRecord: by Last
	bucketPlaces = "links-places" // placeRecord: by Last and Record
	bucketNotes  = "links-notes"  // noteRecord: by Last, and then by this package
	bucketBegun  = "links-begun"  // begunRecord, of those that a letter has begun: by Last
	bucketFrames = "links-frames" // and a dash and the name in hexadecimal digits; number of a frame: the frame
)

// linkRecord is what does not change.
type linkRecord struct {
	_                   struct{} `cbor:",toarray"`
	Local, Remote       peerRecord
	Outbound, Anonymous bool
	Source              []byte
	Binding             []byte
	Features            [][]byte
	Identity            []byte // the static key and the record, empty for none
	AdmittedBy          []byte
	Credential          []byte
	To                  []targetRecord // where it was dialled, if it was
}

// peerRecord is a sturdyref.Peer, its hints sorted by name.
type peerRecord struct {
	_                     struct{} `cbor:",toarray"`
	Transport, Designator []byte
	Hints                 [][2][]byte
}

// targetRecord is a target.
type targetRecord struct {
	_       struct{} `cbor:",toarray"`
	Peer    peerRecord
	Guarded bool // not every address was allowed
}

// placeRecord is how far the two directions are.
type placeRecord struct {
	_        struct{} `cbor:",toarray"`
	Frames   uint64   // of this side, so far
	Bytes    uint64   // of those, each counted with frameCost
	Consumed uint64   // frames of the peer's
	Secret   []byte   // if it came after Last
}

// noteRecord is what the peer has said, and when.
type noteRecord struct {
	_         struct{}       `cbor:",toarray"`
	Secret    []byte         // empty if it has not said it
	Contact   int64          // when it was connected last, seconds since 1970
	Deleted   uint64         // frames of this side before this one are not stored any more
	Freed     uint64         // bytes of those
	Peer      []byte         // the incarnation it has said; empty if it has not
	Elsewhere []targetRecord // where Reach has said that it is
}

// frameCost is what a frame is counted with beside its bytes.
const frameCost = 32

var codec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: 1 << 20})
	if err != nil {
		panic(err)
	}
	return c
}()

func frameKey(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 8), n) }

func framesOf(id [16]byte) string { return bucketFrames + "-" + hex.EncodeToString(id[:]) }

func recordOf(p sturdyref.Peer) peerRecord {
	r := peerRecord{Transport: []byte(p.Transport), Designator: []byte(p.Designator)}
	for _, name := range slices.Sorted(maps.Keys(p.Hints)) {
		r.Hints = append(r.Hints, [2][]byte{[]byte(name), []byte(p.Hints[name])})
	}
	return r
}

func (r peerRecord) revive() sturdyref.Peer {
	p := sturdyref.Peer{Transport: string(r.Transport), Designator: string(r.Designator)}
	for _, hint := range r.Hints {
		if p.Hints == nil {
			p.Hints = make(map[string]string, len(r.Hints))
		}
		p.Hints[string(hint[0])] = string(hint[1])
	}
	return p
}

func targetsOf(t *target) []targetRecord {
	if t == nil {
		return nil
	}
	return []targetRecord{{Peer: recordOf(t.peer), Guarded: t.allow != nil}}
}

// reviveTarget returns where a peer was dialled, with what stands in for a function that cannot be stored.
func (c *Config) reviveTarget(r []targetRecord) *target {
	if len(r) == 0 {
		return nil
	}
	t := &target{peer: r[0].Peer.revive()}
	if r[0].Guarded {
		t.allow = c.Allow
	}
	return t
}

// fixed returns what is stored of a link once.
func (l *link) fixed() linkRecord {
	i := &l.info
	r := linkRecord{
		Local: recordOf(i.Local), Remote: recordOf(i.Remote), Outbound: i.Outbound, Anonymous: i.Anonymous, Source: []byte(i.Source),
		Binding: i.Binding[:], AdmittedBy: i.AdmittedBy[:], Credential: i.Credential, To: targetsOf(l.lk.to),
	}
	for _, f := range i.Features {
		r.Features = append(r.Features, []byte(f))
	}
	if i.Identity != nil {
		r.Identity = append(i.Identity.Static[:], i.Identity.Encoded()...)
	}
	return r
}

// revive returns what the netlayer knew.
func (r *linkRecord) revive() (i netlayer.Info, err error) {
	i = netlayer.Info{
		Local: r.Local.revive(), Remote: r.Remote.revive(), Authenticated: true, Outbound: r.Outbound, Anonymous: r.Anonymous,
		Source: string(r.Source), Credential: r.Credential,
	}
	if len(r.Binding) != len(i.Binding) || len(r.AdmittedBy) != len(i.AdmittedBy) {
		return i, detcbor.ErrInvalid
	}
	copy(i.Binding[:], r.Binding)
	copy(i.AdmittedBy[:], r.AdmittedBy)
	if len(r.Credential) == 0 {
		i.Credential = nil
	}
	for _, f := range r.Features {
		i.Features = append(i.Features, string(f))
	}
	if key := len(sturdyref.Public{}.Static); len(r.Identity) > key {
		i.Identity, err = sturdyref.VerifyRecord(r.Identity[key:], [32]byte(r.Identity[:key]))
	}
	return i, err
}

// place returns how far the link is. Called with mu held, as note is.
func (l *link) place() placeRecord {
	r := placeRecord{Frames: l.lk.taken, Bytes: l.lk.put, Consumed: l.consumed.Load()}
	if l.lk.late {
		r.Secret = l.lk.secret[:]
	}
	return r
}

func (l *link) note() noteRecord {
	lk := &l.lk
	r := noteRecord{
		Contact: lk.contact.Unix(), Deleted: lk.deleted, Freed: lk.freed, Peer: lk.peer.stored(), Elsewhere: targetsOf(lk.also),
	}
	if lk.secret != nil {
		r.Secret = lk.secret[:]
	}
	return r
}

// stored returns a record as it is stored. It cannot fail: the types have nothing that cannot be encoded.
func stored(r any) []byte {
	b, err := codec.Marshal(r)
	if err != nil {
		panic(err)
	}
	return b
}

// readRecord reads the record of a link; a missing one is an error, as a damaged one is.
func readRecord(r store.Reader, bucket string, id []byte, into any) error {
	b := r.Get(bucket, id)
	if b == nil {
		return fmt.Errorf("%w: %s has nothing about session %x", ErrDamaged, bucket, id)
	}
	if err := codec.Unmarshal(bytes.Clone(b), into); err != nil {
		return fmt.Errorf("%w: what %s has about session %x: %w", ErrDamaged, bucket, id, err)
	}
	return nil
}

// lease is how long the link may still wait, if it lasts. Called with mu held.
func (l *link) lease() time.Duration {
	since := time.Since(l.lk.contact)
	return l.n.cfg.Lease - max(since, 0) // the clock may have been put back
}
