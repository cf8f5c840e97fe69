package home

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// Gifts of sessions that last are in the store, what is given pinned in the depot: each changes in the transaction that records the frame
// of the deposit, or of the withdrawal. So do the handoff-counts of those who withdraw them.

const (
	// bucketGifts has giftRows by the id of the gifter's session and the hash of that of the gift.
	bucketGifts = "gifts"
	// bucketCounts has handoff-counts that were used in a session, behind its id, and behind its id alone the number below
	// which all count as used.
	bucketCounts = "handoff counts"
)

// giftRow is a gift that waits to be withdrawn or, if it is ahead, a receiver that was faster.
type giftRow struct {
	_     struct{} `cbor:",toarray"`
	ID    []byte
	Ahead bool
	Times uint64
	By    []byte // the id of the session of who waits
	Until int64  // in seconds of Unix
}

// maxTimes is how often one gift can be deposited and not withdrawn, or the other way round; more are not counted.
const maxTimes = 1 << 20

var giftCodec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: 1 << 12})
	if err != nil {
		panic(err)
	}
	return c
}()

func (k giftKey) key() []byte {
	id := sha256.Sum256([]byte(k.id))
	return append(k.session[:], id[:]...)
}

// pin is what a present is pinned under, by its key.
func giftPin(key []byte) string { return "gift/" + string(key) }

func eraseGift(tx *vat.Tx, k giftKey) {
	tx.Batch().Delete(bucketGifts, k.key())
	tx.Unpin(giftPin(k.key()))
}

// writeGift stores a present as it is now, if it is to be, or removes it.
func (h *Home) writeGift(tx *vat.Tx, k giftKey, p *present) {
	if tx == nil || !p.stored {
		return
	}
	if p.times == 0 {
		eraseGift(tx, k)
		return
	}
	row := giftRow{ID: []byte(k.id), Ahead: p.ref.IsNull(), Times: uint64(p.times), Until: p.until.Unix()}
	ref := p.ref
	if p.vow != nil {
		id := p.by.session.ID()
		row.By, ref = id[:], p.vow.Ref()
	}
	b, err := giftCodec.Marshal(&row)
	switch {
	case err != nil || p.pinned == ref:
	case ref.IsNull():
		tx.Unpin(giftPin(k.key()))
	default:
		err = tx.Pin(giftPin(k.key()), ref, p.vow != nil)
	}
	if err != nil {
		h.log.Warn("a gift cannot be stored: it will be lost at a restart", "error", err)
		return
	}
	p.pinned = ref
	tx.Batch().Put(bucketGifts, k.key(), b)
}

// keeps reports whether what is given in a session is stored. Called with mu held.
func (h *Home) keeps(session [32]byte) bool {
	l := h.greeted[session]
	return l != nil && l.session.Lasts()
}

// storing calls fn with a transaction, if when says so with mu held, and with none else, or when the node is closing.
func (h *Home) storing(when func() bool, fn func(tx *vat.Tx)) {
	h.mu.Lock()
	stores := h.cfg.Ledger != nil && when()
	h.mu.Unlock()
	if !stores || h.cfg.Ledger.Depot().Update(fn, nil) != nil {
		fn(nil)
	}
}

// Errand implements captp.Handoffs: what is said of gifts that are stored takes effect with the record of its frame.
func (r receiver) Errand(s *captp.Session, selector passable.Symbol, args []any) captp.Errand {
	h, l := r.h, r.from
	switch {
	case h.cfg.Ledger == nil:
	case selector == "fetch" && len(args) == 1 && s.Lasts():
		if p := h.fetched(l, args[0]); p != nil && vat.IsDurable(p.caret) {
			return func(*vat.Tx) (any, func(), error) { return p.caret, nil, nil }
		}
	case selector == selectorRedeem && len(args) == 2 && s.Lasts():
		return h.redeems(l, args)
	case selector == selectorAnswer && len(args) == 3 && s.Lasts():
		return h.answers(l, args)
	case selector == "deposit-gift" && len(args) == 2 && s.Lasts():
		g, _ := s.Greeting()
		k, ok := newGiftKey(g.ID, args[0])
		gift, isRef := args[1].(vat.Ref)
		if ok && isRef && !gift.IsNull() {
			return func(tx *vat.Tx) (any, func(), error) {
				then, err := h.deposit(tx, k, gift)
				return passable.Undefined{}, then, err
			}
		}
	case selector == "withdraw-gift" && len(args) == 1:
		if env, ok := args[0].(*msg.SigEnvelope); ok && h.stores(env) {
			if count, k, err := h.withdrawal(l, env); err == nil {
				return func(tx *vat.Tx) (any, func(), error) {
					err := h.useCount(tx, l, count)
					if err != nil {
						return nil, nil, err
					}
					ref, err := h.take(tx, k, l)
					return ref, nil, err
				}
			}
		}
	case selector == "relay-gift" && len(args) == 1 && s.Lasts():
		if id, ok := args[0].([]byte); ok {
			ref, ok := s.Relay(id)
			return func(*vat.Tx) (any, func(), error) {
				if !ok {
					return nil, nil, ErrHandoff
				}
				return ref, nil, nil
			}
		}
	}
	return nil
}

// stores reports whether the gift that a certificate to withdraw it names, which may be a bad one, would be stored here.
func (h *Home) stores(env *msg.SigEnvelope) bool {
	r, ok := env.Signed.(*msg.HandoffReceive)
	if !ok || r.Give == nil {
		return false
	}
	give, ok := r.Give.Signed.(*msg.HandoffGive)
	h.mu.Lock()
	defer h.mu.Unlock()
	return ok && h.keeps(give.Session)
}

var errDamagedGift = errors.New("home: the store is damaged: a gift: restore it from a backup, or use a new directory")

// decodeGift reads a row of bucketGifts.
func decodeGift(key, value []byte) (k giftKey, row giftRow, err error) {
	if err = giftCodec.Unmarshal(value, &row); err != nil {
		return k, row, fmt.Errorf("%w: %w", errDamagedGift, err)
	}
	if len(key) != 64 || len(row.ID) > maxGiftID || row.Times == 0 || row.Times > maxTimes ||
		len(row.By) != 0 && (len(row.By) != 32 || !row.Ahead) {
		return k, row, errDamagedGift
	}
	k = giftKey{[32]byte(key), string(row.ID)}
	if string(k.key()) != string(key) {
		return k, row, errDamagedGift
	}
	return k, row, nil
}

// StoredGifts reads the gifts that a store has, and the handoff-counts that were used, checks them, and returns how many gifts there are,
// those that are waited for among them.
func StoredGifts(r store.Reader) (n int, err error) {
	r.Scan(bucketGifts, nil, func(key, value []byte) bool {
		n++
		_, _, err = decodeGift(key, value)
		return err == nil
	})
	if err != nil {
		return n, err
	}
	r.Scan(bucketCounts, nil, func(key, value []byte) bool {
		if len(key) != 40 && (len(key) != 32 || len(value) != 8) {
			err = errDamagedGift
		}
		return err == nil
	})
	return n, err
}

// restoreGifts reads what waits from before, once the sessions are there, and removes what belongs to none.
func (h *Home) restoreGifts() error {
	rows := make(map[giftKey]giftRow)
	var counts [][2][]byte
	err := h.cfg.Ledger.View(func(r store.Reader) error {
		if _, err := StoredGifts(r); err != nil {
			return err
		}
		r.Scan(bucketGifts, nil, func(key, value []byte) bool {
			k, row, _ := decodeGift(key, value)
			rows[k] = row
			return true
		})
		r.Scan(bucketCounts, nil, func(key, value []byte) bool {
			counts = append(counts, [2][]byte{append([]byte(nil), key...), append([]byte(nil), value...)})
			return true
		})
		return nil
	})
	if err != nil || len(rows)+len(counts) == 0 {
		return err
	}
	pins, err := h.cfg.Ledger.Depot().Pinned("gift/")
	if err != nil {
		return err
	}
	return h.cfg.Ledger.Depot().Update(func(tx *vat.Tx) {
		for k, row := range rows {
			if !h.restoreGift(k, &row, pins[giftPin(k.key())].Ref) {
				eraseGift(tx, k)
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, c := range counts {
			l := h.greeted[[32]byte(c[0])]
			switch {
			case l == nil:
				tx.Batch().Delete(bucketCounts, c[0])
			case len(c[0]) == 32:
				l.counts.floor = binary.BigEndian.Uint64(c[1])
			default:
				l.counts.restore(binary.BigEndian.Uint64(c[0][32:]))
			}
		}
	}, nil)
}

// restoreGift has a present be there again, and reports false if nobody could withdraw it.
func (h *Home) restoreGift(k giftKey, row *giftRow, ref vat.Ref) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.greeted[k.session] == nil {
		return false
	}
	p := &present{times: int(row.Times), stored: true, pinned: ref}
	var by *link
	switch {
	case !row.Ahead:
		p.ref = ref
	case len(row.By) > 0:
		by = h.greeted[[32]byte(row.By)]
		p.vow, _ = ref.Target().(*vat.Vow)
	}
	if !row.Ahead && ref.IsNull() || len(row.By) > 0 && (by == nil || p.vow == nil) || h.gifts.add(k, p, h.sweepGifts) != nil {
		return false
	}
	if by != nil {
		h.gifts.awaited(k, by)
	}
	p.until = time.Unix(row.Until, 0)
	return true
}
