package hawser

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/vat"
)

// storeFile is the name, in Dir, of the store that holds the durable vats.
const storeFile = "store.db"

// durables are the durable vats of a node and where they are kept, with the sessions that they use.
type durables struct {
	store  *store.Store
	depot  *vat.Depot
	ledger *captp.Ledger // nil without a directory
	lives  *home.Shelf   // likewise
}

// Revive implements vat.Outside.
func (d *durables) Revive(key []byte) vat.Ref {
	if r, ok := d.lives.Revive(key); ok {
		return r
	}
	return d.ledger.Revive(key)
}

// openDurables opens what durable vats are kept in, if there are kinds of objects for them or they were there before.
func (s *shared) openDurables(c Config) error {
	var st *store.Store
	var err error
	switch {
	case s.dir == nil && len(c.Kinds) == 0:
		return nil
	case s.dir == nil:
		st = memory.New()
	default:
		path := filepath.Join(s.dir.path, storeFile)
		if _, e := os.Stat(path); len(c.Kinds) == 0 && errors.Is(e, fs.ErrNotExist) {
			return nil
		}
		st, err = c.openStore(path)
	}
	if err != nil {
		return err
	}
	d := &durables{store: st}
	if err := d.open(c, s); err != nil {
		_ = st.Close()
		if s.dir != nil {
			err = fmt.Errorf("hawser: %s: %w", filepath.Join(s.dir.path, storeFile), err)
		}
		return err
	}
	s.durables = d
	return nil
}

// open opens the depot in the store. Sessions last only where that does.
func (d *durables) open(c Config, s *shared) (err error) {
	lasts := s.dir != nil
	dc := vat.DepotConfig{Kinds: s.kinds, Vat: vat.Config{Logger: c.Logger.Named("vat"), Tracer: c.Tracer}}
	if lasts {
		if d.ledger, err = captp.OpenLedger(d.store, c.Limits); err != nil {
			return err
		}
		d.lives = home.NewShelf(c.Limits)
		dc.Outside = d
	}
	if d.depot, err = vat.OpenDepot(d.store, dc); err != nil {
		return err
	}
	if lasts {
		err = d.ledger.Use(d.depot)
	}
	if err == nil {
		err = s.office.Use(d.depot, d.store.View)
	}
	if err != nil {
		_ = d.depot.Close()
	}
	return err
}

// book returns where sessions are stored, nil for nowhere.
func (d *durables) book() *captp.Ledger {
	if d == nil {
		return nil
	}
	return d.ledger
}

// kept returns what brings back the live references that durable objects keep, nil for nothing.
func (d *durables) kept() *home.Shelf {
	if d == nil {
		return nil
	}
	return d.lives
}

// shelf returns where what outlives connections is stored, nil for nowhere.
func (d *durables) shelf() *store.Store {
	if d.book() == nil {
		return nil
	}
	return d.store
}

// stop ends the vats. Sessions that last must not break what waits in them, and so they are ended later.
func (d *durables) stop() error {
	if d == nil {
		return nil
	}
	return d.depot.Close()
}

// close closes the store, when nothing uses it any more.
func (d *durables) close() error {
	if d == nil {
		return nil
	}
	return d.store.Close()
}

var errNoKinds = errors.New("hawser: DurableVat needs to know what objects there may be: list them in Config.Kinds")

// DurableVat returns the node's durable vat of that name, made now if there is none; nodes made by As and Anonymous have the
// same vats. What is done in it is kept in Dir, turn by turn, and is there after a restart or a crash: objects of
// [Config.Kinds], messages between them that have not been taken, promises and timers. vat.Root finds objects in it again.
// Without a Dir it is kept in memory. It closes with the node that Open returned. After a write to Dir has failed, it and
// every durable vat of the node are closed: nothing goes on that is not stored.
func (n *Node) DurableVat(name string) (*vat.Vat, error) {
	s := n.root
	if s.durables == nil {
		return nil, errNoKinds
	}
	return s.durables.depot.Vat(name)
}
