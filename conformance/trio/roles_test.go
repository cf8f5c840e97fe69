package trio_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/netlayer/tcptest"
	"github.com/hawser-go/hawser/netlayer/websocket"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// setting is what one of the three processes is told when it starts.
type setting struct {
	Role string
	// Layers are the networks it is on: "noisequic", "noisetcp", or "tcptest/" or "websocket/" and the name of a dialect.
	Layers []string
	// Host is the address at which it listens, 127.0.0.1 if empty.
	Host string
	// Advertise, if not empty, is where it says that it is found.
	Advertise string
	// Policy is where certificates may send it.
	Policy  home.HandoffPolicy
	Verbose bool
}

// lifetime bounds a process whose test has forgotten it.
const lifetime = 3 * time.Minute

// play is one of the three processes. It returns the exit status.
func play(s string) int {
	stuck := time.AfterFunc(lifetime, func() {
		fmt.Fprintln(os.Stderr, "trio: the test has forgotten this process")
		os.Exit(3)
	})
	defer stuck.Stop()
	var set setting
	err := json.Unmarshal([]byte(s), &set)
	if err == nil {
		err = perform(set)
	}
	if err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "trio:", set.Role+":", err)
		return 1
	}
	return 0
}

// perform answers commands until there are no more.
func perform(set setting) (err error) {
	a, err := arrive(set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close(), a.vat.Close(), a.own.Close()) }()
	roles := map[string]map[string]command{"gifter": gifter, "receiver": receiver, "exporter": exporter}
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.Fields(lines.Text())
		do, ok := roles[set.Role][words[0]]
		if !ok {
			return fmt.Errorf("no command %q", words[0])
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience-5*time.Second)
		v, err := do(ctx, a, words[1:])
		cancel()
		var said answer
		if err != nil {
			said.Error = err.Error()
		} else if said.Value, err = json.Marshal(v); err != nil {
			return err
		}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
	return nil
}

// actor is a process's Home and what it has.
type actor struct {
	*home.Home
	layers   []home.Layer
	vat, own *vat.Vat

	// got is what the exporter's ledger was told, guarded by mu like events.
	mu     sync.Mutex
	got    []int
	events map[string]int

	object vat.Ref // what the exporter and the gifter publish
	held   vat.Ref // what the receiver was handed
	sent   int     // what the receiver has sent to it
}

// Trace implements vat.Tracer.
func (a *actor) Trace(e vat.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events[e.Kind]++
}

func arrive(set setting) (*actor, error) {
	level := hclog.Error
	if set.Verbose {
		level = hclog.Debug
	}
	log := hclog.New(&hclog.LoggerOptions{Name: set.Role, Level: level, Output: os.Stderr})
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		return nil, err
	}
	a := &actor{vat: vat.New(&vat.Config{Name: set.Role, Logger: log}), own: vat.New(&vat.Config{Name: "home", Logger: log}), events: make(map[string]int)}
	cfg := home.Config{
		Identity: id, Vat: a.own, Logger: log, Tracer: a, DialTimeout: 2 * time.Second,
		Handoffs: set.Policy,
	}
	a.Home, err = home.New(cfg, func(door netlayer.Doorkeeper) (layers []home.Layer, err error) {
		for _, name := range set.Layers {
			l, err := open(name, set, id, door, log)
			if err != nil {
				for _, l := range layers {
					_ = l.Close()
				}
				return nil, err
			}
			layers = append(layers, l)
		}
		a.layers = layers
		return layers, nil
	})
	if err != nil {
		return nil, errors.Join(err, a.vat.Close(), a.own.Close())
	}
	a.object, err = vat.Do(context.Background(), a.vat, func(ctx context.Context) (vat.Ref, error) {
		if set.Role == "gifter" {
			return shelfFacet.Spawn(ctx, &shelf{}), nil
		}
		return vat.Func(ctx, a.note), nil
	})
	if err == nil && set.Role != "receiver" {
		_, err = a.Publish(context.Background(), "object", a.object)
		if err == nil {
			_, err = a.PublishAs(context.Background(), "text", sturdyref.SwissNumOf([]byte("the object of the "+set.Role)), a.object)
		}
	}
	if err != nil {
		return nil, errors.Join(err, a.Close(), a.vat.Close(), a.own.Close())
	}
	return a, nil
}

// open opens the netlayer of that name, on loopback.
func open(name string, set setting, id sturdyref.Identity, door netlayer.Doorkeeper, log hclog.Logger) (home.Layer, error) {
	kind, dialect, _ := strings.Cut(name, "/")
	listen := net.JoinHostPort(cmp.Or(set.Host, "127.0.0.1"), "0")
	switch kind {
	case "noisequic":
		c := &noisequic.Config{
			Identity: id, Listen: listen, Doorkeeper: door, Logger: log, Linger: time.Second,
			Features: features(),
		}
		if set.Advertise != "" {
			c.Advertise = []string{set.Advertise}
		}
		nl, err := noisequic.Open(c)
		return home.Layer{Netlayer: nl}, err
	case "noisetcp":
		nl, err := noisetcp.Open(&noisetcp.Config{
			Identity: id, Listen: listen, Doorkeeper: door, Logger: log, Linger: time.Second, Features: features(),
		})
		return home.Layer{Netlayer: nl}, err
	case "tcptest":
		d, ok := wire.Named(dialect)
		if !ok {
			return home.Layer{}, fmt.Errorf("no dialect %q", dialect)
		}
		nl, err := tcptest.Open(&tcptest.Config{Listen: listen, Doorkeeper: door, Advertise: set.Advertise, Logger: log})
		return home.Layer{Netlayer: nl, Dialect: &d, TrustClaims: true}, err
	case "websocket":
		d, ok := wire.Named(dialect)
		if !ok {
			return home.Layer{}, fmt.Errorf("no dialect %q", dialect)
		}
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return home.Layer{}, err
		}
		nl, err := websocket.Open(&websocket.Config{Key: key, Listen: listen, Doorkeeper: door, Logger: log, Linger: time.Second})
		return home.Layer{Netlayer: nl, Dialect: &d}, err
	}
	return home.Layer{}, fmt.Errorf("no netlayer %q", name)
}

func features() []string {
	return []string{home.FeatureFetchProof, captp.FeatureMovesQueues, captp.FeatureRelaysGifts}
}

// uri answers with the sturdyref of what this process publishes by a name, at its place on the network of a transport:
// "object" has a strong secret, "text" one that is text.
func (a *actor) uri(ctx context.Context, name, transport string) (any, error) {
	s, err := a.Publish(ctx, name, a.object)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(a.layers, func(l home.Layer) bool { return l.Transport() == transport })
	if i < 0 {
		return nil, fmt.Errorf("no layer for %q", transport)
	}
	s.Peer = a.layers[i].Location()
	return s.URI(), nil
}

// note is the exporter's ledger.
func (a *actor) note(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got = append(a.got, n)
	return len(a.got)
}

// A command answers with something that JSON can say.
type command func(ctx context.Context, a *actor, args []string) (any, error)

var exporter = map[string]command{
	"uri": func(ctx context.Context, a *actor, args []string) (any, error) { return a.uri(ctx, args[0], args[1]) },
	// offer puts the ledger on a shelf.
	"offer": func(ctx context.Context, a *actor, args []string) (any, error) {
		s, err := sturdyref.Parse(args[0])
		if err != nil {
			return nil, err
		}
		return vat.Result[any](a.Enliven(s).Send(ctx, "put", a.object)).Await(ctx)
	},
	// got answers with what the ledger was told.
	"got": func(_ context.Context, a *actor, _ []string) (any, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		return slices.Clone(a.got), nil
	},
}

// Shelf is an object that gives out what lies on it.
type Shelf interface {
	Put(ctx context.Context, ref vat.Ref) error
	Get(ctx context.Context) (vat.Ref, error)
}

var shelfFacet = vat.FacetOf[Shelf]("trio.Shelf")

type shelf struct{ ref vat.Ref }

func (s *shelf) Put(_ context.Context, ref vat.Ref) error { s.ref = ref; return nil }
func (s *shelf) Get(context.Context) (vat.Ref, error)     { return s.ref, nil }

var gifter = map[string]command{
	"uri": func(ctx context.Context, a *actor, args []string) (any, error) { return a.uri(ctx, args[0], args[1]) },
	// shelve fetches something and puts it on the shelf.
	"shelve": func(ctx context.Context, a *actor, args []string) (any, error) {
		s, err := sturdyref.Parse(args[0])
		if err != nil {
			return nil, err
		}
		ref, err := a.Enliven(s).Await(ctx)
		if err != nil {
			return nil, err
		}
		return vat.Result[any](a.object.Send(ctx, "put", ref)).Await(ctx)
	},
	// events answers with how often the tracer was told of each kind.
	"events": func(_ context.Context, a *actor, _ []string) (any, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		return maps.Clone(a.events), nil
	},
}

var receiver = map[string]command{
	// meet opens a session.
	"meet": func(ctx context.Context, a *actor, args []string) (any, error) {
		s, err := sturdyref.Parse(args[0])
		if err == nil {
			_, err = a.Enliven(s).Await(ctx)
		}
		return nil, err
	},
	// take sends n numbers to what will come from a shelf, before anything is there, then takes it, and sends it 2n+2
	// more: the first, and every other from there, to the reference taken, the rest to the promise that it came from.
	"take": func(ctx context.Context, a *actor, args []string) (any, error) {
		s, err := sturdyref.Parse(args[0])
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return nil, err
		}
		ref := a.Enliven(s).Send(ctx, "get")
		for range n {
			if err := a.tell(ctx, ref); err != nil {
				return nil, err
			}
		}
		if a.held, err = ref.Await(ctx); err != nil {
			return nil, err
		}
		for range n {
			if err := errors.Join(a.tell(ctx, a.held), a.tell(ctx, ref)); err != nil {
				return nil, err
			}
		}
		for _, last := range []vat.Ref{a.ask(ctx, a.held), a.ask(ctx, ref)} {
			if _, err := vat.Result[int](last).Await(ctx); err != nil {
				return nil, err
			}
		}
		return nil, nil
	},
	// more sends a number and answers with how many the ledger has.
	"more": func(ctx context.Context, a *actor, _ []string) (any, error) {
		return vat.Result[int](a.ask(ctx, a.held)).Await(ctx)
	},
	// again reports whether what comes from a shelf is what was taken.
	"again": func(ctx context.Context, a *actor, args []string) (any, error) {
		s, err := sturdyref.Parse(args[0])
		if err != nil {
			return nil, err
		}
		ref, err := a.Enliven(s).Send(ctx, "get").Await(ctx)
		return ref == a.held, err
	},
	// sessions answers with whom there are sessions.
	"sessions": func(_ context.Context, a *actor, _ []string) (any, error) {
		peers := []string{}
		for _, p := range a.Sessions() {
			peers = append(peers, p.String())
		}
		return peers, nil
	},
}

// tell sends the next number.
func (a *actor) tell(ctx context.Context, to vat.Ref) error {
	a.sent++
	return to.ApplyOnly(ctx, a.sent)
}

// ask sends the next number and returns a promise for how many the ledger then has.
func (a *actor) ask(ctx context.Context, to vat.Ref) vat.Ref {
	a.sent++
	return to.Apply(ctx, a.sent)
}
