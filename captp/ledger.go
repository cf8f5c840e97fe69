package captp

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// A Ledger is where the sessions of a node are stored that outlive its process: in the store of a depot, whose objects they serve.
// It is the depot's vat.Outside. Its methods may be called by any goroutine.
type Ledger struct {
	store  *store.Store
	limits Limits
	depot  *vat.Depot

	refused atomic.Uint64 // sessions that were not stored, since there were too many

	mu      sync.Mutex
	dormant map[[16]byte]*dormant // sessions from before that have no connection yet
	revived map[[16]byte]*Session // and those that have
}

// dormant is a session from before.
type dormant struct {
	session *Session
	record  sessionRecord
	rows    map[entry][]byte
	pins    map[string]vat.Pin
	doomed  bool // it was to be forgotten
}

// OpenLedger reads which sessions there are in a store. limits bound what is sent to sessions before they go on. The next thing is
// to open the depot, with the Ledger as its Outside, and to call Use.
func OpenLedger(s *store.Store, limits Limits) (*Ledger, error) {
	g := &Ledger{store: s, limits: limits, dormant: make(map[[16]byte]*dormant), revived: make(map[[16]byte]*Session)}
	var bad error
	err := s.View(func(r store.Reader) error {
		r.Scan(bucketSessions, nil, func(key, value []byte) bool {
			bad = g.add(key, value, r.Get(bucketDoomed, key) != nil)
			return bad == nil
		})
		if bad != nil {
			return bad
		}
		r.Scan(bucketTables, nil, func(key, value []byte) bool {
			name, e, ok := readKey(key)
			d := g.dormant[name]
			if !ok || d == nil {
				bad = fmt.Errorf("%w: a row of a session that is not there", errDamaged)
				return false
			}
			d.rows[e] = append([]byte(nil), value...)
			return true
		})
		return bad
	})
	if err != nil {
		return nil, err
	}
	for _, d := range g.dormant {
		if err := d.imports(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// errDamaged says that a record is not what this version writes.
var errDamaged = errors.New("captp: the store is damaged: restore it from a backup, or use a new directory")

func decode(b []byte, row any) error {
	if err := rowCodec.Unmarshal(b, row); err != nil {
		return fmt.Errorf("%w: a %T: %w", errDamaged, row, err)
	}
	return nil
}

// add makes the session of a record, which knows nobody yet.
func (g *Ledger) add(key, value []byte, doomed bool) error {
	d := &dormant{rows: make(map[entry][]byte), pins: make(map[string]vat.Pin), doomed: doomed}
	if err := decode(value, &d.record); err != nil {
		return err
	}
	if len(key) != 16 || len(d.record.Seed) != ed25519.SeedSize || len(d.record.Key) != 32 && len(d.record.Key) != 0 {
		return fmt.Errorf("%w: the keys of a session", errDamaged)
	}
	s := newSession(ed25519.NewKeyFromSeed(d.record.Seed), g.limits)
	s.name = [16]byte(key)
	s.cfg.Ledger = g
	s.dormant.Store(true)
	s.lasts.Store(uint32(vat.LastsNow))
	s.caller.Store(&vat.Caller{Transport: string(d.record.CallerTransport), Designator: string(d.record.CallerOf), Authenticated: true})
	d.session = s
	g.dormant[s.name] = d
	return nil
}

// imports has the session know what the depot may ask for.
func (d *dormant) imports() error {
	l := &d.session.lk
	l.t = emptyTables(d.session)
	l.t.journal = &journal{touched: make(map[entry]bool)}
	for e, b := range d.rows {
		if e.sort != rowImport {
			continue
		}
		var row importRow
		if err := decode(b, &row); err != nil {
			return err
		}
		l.t.imports[e.n] = &imported{promise: row.Promise, count: row.Count, durable: durable{stored: true}}
		if row.Promise {
			l.t.promises++
		}
	}
	return nil
}

// Revive implements vat.Outside.
func (g *Ledger) Revive(key []byte) vat.Ref {
	name, e, ok := readKey(key)
	if !ok || e.sort != rowImport {
		return vat.Ref{}
	}
	g.mu.Lock()
	d := g.dormant[name]
	g.mu.Unlock()
	if d == nil {
		return vat.Ref{}
	}
	return d.session.revive(e.n)
}

// revive returns the reference to an object at a position of the peer's, null for a promise. A frame that mentions it may not have
// been consumed, and comes again: then nothing is known of the position yet.
func (s *Session) revive(pos msg.Pos) (ref vat.Ref) {
	if pos == 0 {
		return s.Bootstrap()
	}
	s.withLock(func(l *locked) {
		e := l.t.imports[pos]
		switch {
		case e == nil:
			e = &imported{}
			l.t.imports[pos] = e
			l.t.touchImport(pos, e)
		case e.promise:
			return
		}
		ref = l.objectAt(pos, e)
	})
	return ref
}

// Depot returns the depot that Use was called with.
func (g *Ledger) Depot() *vat.Depot { return g.depot }

// Epoch counts how often the store was opened.
func (g *Ledger) Epoch() uint64 { return g.store.Epoch() }

// Use has the sessions work with the depot, once that is open and before it is started.
func (g *Ledger) Use(d *vat.Depot) error {
	g.depot = d
	if len(g.dormant) == 0 {
		return nil
	}
	pins, err := d.Pinned("")
	for key, pin := range pins {
		if name, _, ok := readKey([]byte(key)); ok && g.dormant[name] != nil {
			g.dormant[name].pins[key] = pin
		}
	}
	return err
}

// Restore returns the session that was kept with a connection, which it has then, or nil if there is none.
// The session goes on as it was, with the Bootstrap and the rest of cfg, when its Resume is called.
func (g *Ledger) Restore(conn netlayer.Lasting, cfg Config) (*Session, error) {
	g.mu.Lock()
	d := g.dormant[conn.Name()]
	g.mu.Unlock()
	if d == nil {
		return nil, nil
	}
	cfg.Ledger = g
	if err := d.restore(conn, cfg); err != nil {
		return nil, fmt.Errorf("captp: the session with %s: %w", d.session.peer(), err)
	}
	g.mu.Lock()
	delete(g.dormant, conn.Name())
	g.revived[conn.Name()] = d.session
	g.mu.Unlock()
	return d.session, nil
}

// greeting is what the peer had said, nil for nothing.
func (r *sessionRecord) greeting(s *Session) *Greeting {
	if len(r.Key) == 0 {
		return nil
	}
	p := sturdyref.Peer{Transport: string(r.Transport), Designator: string(r.Designator)}
	for _, h := range r.Hints {
		if p.Hints == nil {
			p.Hints = make(map[string]string)
		}
		p.Hints[string(h[0])] = string(h[1])
	}
	g := &Greeting{
		Peer: p, Key: [32]byte(r.Key), Ours: s.PublicID(), Theirs: s.dialect.PublicID([32]byte(r.Key)), giveable: r.Giveable,
		loopback: r.Loopback, linkLocal: r.LinkLocal,
	}
	g.ID = wire.SessionID(g.Ours, g.Theirs)
	return g
}

// revivedAs returns the session from before that is stored under a name, nil if there is none.
func (g *Ledger) revivedAs(name [16]byte) *Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.revived[name]
}

// over forgets a session that has ended.
func (g *Ledger) over(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.revived[s.name] == s {
		delete(g.revived, s.name)
	}
}

// View reads the store.
func (g *Ledger) View(fn func(store.Reader) error) error { return g.store.View(fn) }
