package captp

import (
	"fmt"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
)

// StoredSession says what of a session is in a store.
type StoredSession struct {
	// Name is what it and its connection are stored under.
	Name [16]byte
	// Peer is who is at the other end.
	Peer sturdyref.PeerID
	// Exports are positions that the peer can name, resolvers of questions among them; Imports are those of the peer's.
	Exports, Imports int
	// Questions are answers that this side waits for or has not released, Answers those that the peer has not.
	Questions, Answers int
	// Doomed says that it will end when the node is started: see Forget.
	Doomed bool
}

// StoredSessions reads which sessions a store has, in the order of their names, and checks that each record can be read and belongs
// to one. What it returns beside an error may not be all.
func StoredSessions(r store.Reader) ([]StoredSession, error) {
	var all []StoredSession
	at := make(map[[16]byte]int)
	var bad error
	r.Scan(bucketSessions, nil, func(key, value []byte) bool {
		var rec sessionRecord
		if bad = decode(value, &rec); bad == nil && len(key) != 16 {
			bad = fmt.Errorf("%w: a session's name", errDamaged)
		}
		if bad != nil {
			return false
		}
		at[[16]byte(key)] = len(all)
		all = append(all, StoredSession{
			Name: [16]byte(key), Peer: sturdyref.PeerID{Transport: string(rec.Transport), Designator: string(rec.Designator)},
			Doomed: r.Get(bucketDoomed, key) != nil,
		})
		return true
	})
	if bad != nil {
		return all, bad
	}
	r.Scan(bucketTables, nil, func(key, value []byte) bool {
		name, e, ok := readKey(key)
		i, known := at[name]
		if !ok || !known {
			bad = fmt.Errorf("%w: a row of a session that is not there", errDamaged)
			return false
		}
		bad = all[i].count(e, value)
		return bad == nil
	})
	return all, bad
}

// count reads a row.
func (s *StoredSession) count(e entry, value []byte) error {
	switch e.sort {
	case rowExport:
		s.Exports++
		return decode(value, new(exportRow))
	case rowImport:
		s.Imports++
		return decode(value, new(importRow))
	case rowQuestion:
		s.Questions++
		return decode(value, new(questionRow))
	case rowAnswer:
		s.Answers++
		return decode(value, new(answerRow))
	case rowListen:
		return decode(value, new(answerRow))
	case rowWait:
		return decode(value, new(waitRow))
	case rowGiven:
		return decode(value, new(givenRow))
	case rowOwed:
		return decode(value, new(owedRow))
	}
	return fmt.Errorf("%w: a row of the sort %q", errDamaged, e.sort)
}

// Forget has the sessions with a peer end for good when the node is started that a store belongs to; it must not be running. It
// returns how many there are.
func Forget(s *store.Store, peer sturdyref.PeerID) (n int, err error) {
	var all []StoredSession
	err = s.View(func(r store.Reader) error {
		all, err = StoredSessions(r)
		return err
	})
	if err != nil {
		return 0, err
	}
	var b store.Batch
	for _, x := range all {
		if x.Peer == peer {
			n++
			b.Put(bucketDoomed, x.Name[:], []byte{})
		}
	}
	if n == 0 {
		return 0, nil
	}
	return n, s.Write(&b)
}
