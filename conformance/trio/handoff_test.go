package trio_test

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer/tcptest"
	"github.com/hawser-go/hawser/netlayer/websocket"
	"github.com/hawser-go/hawser/sturdyref"
)

// Names of networks in settings, and their transports.
const (
	quic = "noisequic"
	tcp  = "tcptest/ocapn-1.0"
	ws   = "websocket/ocapn-1.0"

	overQUIC = sturdyref.Transport
	overTCP  = tcptest.Transport
	overWS   = websocket.Transport
)

// Policies of receivers.
var (
	local   = home.HandoffPolicy{Local: true}
	nowhere = home.HandoffPolicy{Transports: []string{}}
)

// three are the processes of a test.
type three struct {
	gifter, receiver, exporter *process
	shelf                      string // the sturdyref of the gifter's shelf, as the receiver has it
	ledger                     string // the sturdyref of the exporter's object, as the gifter has it
}

// meet starts the three: the gifter gets the exporter's object over one transport, the receiver the gifter's shelf over
// another.
func meet(t *testing.T, gifter, receiver, exporter setting, gifts, takes string) *three {
	t.Helper()
	gifter.Role, receiver.Role, exporter.Role = "gifter", "receiver", "exporter"
	w := &three{gifter: start(t, gifter), receiver: start(t, receiver), exporter: start(t, exporter)}
	w.ledger = get[string](w.exporter, "uri", secretOver(gifts), gifts)
	w.shelf = get[string](w.gifter, "uri", secretOver(takes), takes)
	if exporter.Advertise != "" {
		w.exporter.do("offer", get[string](w.gifter, "uri", secretOver(gifts), gifts))
	} else {
		w.gifter.do("shelve", w.ledger)
	}
	return w
}

// secretOver says which of the names of one object goes over a transport.
func secretOver(transport string) string {
	if transport != overQUIC {
		return "text"
	}
	return "object"
}

// pipelined is how many numbers are sent before anything is there, and total how many in all.
const (
	pipelined = 60
	total     = 3*pipelined + 2
)

// take has the receiver take the object, sending before it is there, while it is, and after, and checks that the exporter
// heard everything. If whole, all of it comes in the order sent, as it does where receiver and gifter are peers of this
// module. Otherwise the promise goes on by way of the gifter while what was taken is reached directly: each keeps its
// order, and neither waits for the other.
func (w *three) take(t *testing.T, whole bool) {
	t.Helper()
	w.receiver.do("take", w.shelf, strconv.Itoa(pipelined))
	got := get[[]int](w.exporter, "got")
	var taken, promised []int
	for _, n := range got {
		if n > pipelined && (n-pipelined)%2 == 1 {
			taken = append(taken, n)
		} else {
			promised = append(promised, n)
		}
	}
	switch {
	case len(got) != total:
		t.Errorf("the exporter has heard %d numbers, want %d", len(got), total)
	case whole && !slices.IsSorted(got), !slices.IsSorted(taken), !slices.IsSorted(promised):
		t.Errorf("out of order: %v", got)
	}
	if slices.Sort(got); len(slices.Compact(got)) != total {
		t.Errorf("some numbers came twice")
	}
	if !get[bool](w.receiver, "again", w.shelf) {
		t.Error("taken again it is another reference")
	}
}

// peerOf returns the name of the peer of a sturdyref, as in a list of sessions.
func peerOf(t *testing.T, uri string) string {
	t.Helper()
	s, err := sturdyref.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return s.Peer.ID().String()
}

// goesOn kills the gifter and checks that the receiver and the exporter have what they need of each other, and end well.
func (w *three) goesOn(t *testing.T) {
	t.Helper()
	w.gifter.kill()
	for i := range 20 {
		if n := get[int](w.receiver, "more"); n != total+i+1 {
			t.Fatalf("without the gifter: the exporter has heard %d numbers, want %d", n, total+i+1)
		}
	}
	if got := get[[]int](w.exporter, "got"); !slices.IsSorted(got[total:]) {
		t.Errorf("without the gifter, out of order: %v", got[total:])
	}
	leave(w.receiver, w.exporter)
}

// What is handed off is reached directly: the gifter is killed, and nobody misses it.
func TestHandoff(t *testing.T) {
	both := []string{quic, tcp}
	for _, c := range []struct {
		name                       string
		gifter, receiver, exporter []string
		gifts, takes               string // the transport between gifter and exporter, and between receiver and gifter
		whole                      bool   // see take
	}{
		{"noisequic", []string{quic}, []string{quic}, []string{quic}, overQUIC, overQUIC, true},
		{"tcptest ocapn-1.0", []string{tcp}, []string{tcp}, []string{tcp}, overTCP, overTCP, false},
		{"tcptest suite-branch", []string{"tcptest/suite-branch"}, []string{"tcptest/suite-branch"}, []string{"tcptest/suite-branch"}, overTCP, overTCP, false},
		{"tcptest suite-2026-02", []string{"tcptest/suite-2026-02"}, []string{"tcptest/suite-2026-02"}, []string{"tcptest/suite-2026-02"}, overTCP, overTCP, false},
		{"tcptest of several dialects", []string{"tcptest/suite-branch"}, []string{tcp}, []string{"tcptest/suite-2026-02"}, overTCP, overTCP, false},
		{"noisetcp", []string{"noisetcp"}, []string{"noisetcp"}, []string{"noisetcp"}, overQUIC, overQUIC, true},
		{"websocket ocapn-1.0", []string{ws}, []string{ws}, []string{ws}, overWS, overWS, false},
		{"websocket hawser", []string{"websocket/hawser"}, []string{"websocket/hawser"}, []string{"websocket/hawser"}, overWS, overWS, false},
		{"taken over noisequic, found over tcptest", both, both, both, overTCP, overQUIC, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := meet(t, setting{Layers: c.gifter}, setting{Layers: c.receiver, Policy: local}, setting{Layers: c.exporter}, c.gifts, c.takes)
			w.take(t, c.whole)
			sessions := get[[]string](w.receiver, "sessions")
			if !slices.Contains(sessions, peerOf(t, w.ledger)) || len(sessions) != 2 {
				t.Errorf("the receiver has sessions with %v, want one with the exporter, %s, and one with the gifter", sessions, peerOf(t, w.ledger))
			}
			if n := get[map[string]int](w.gifter, "events"); n["handoff-give"] == 0 || n["handoff-relay"] != 0 {
				t.Errorf("at the gifter: %v, want handoff-give and no handoff-relay", n)
			}
			w.goesOn(t)
		})
	}
}

// Who is two peers on two networks is not known to be one: the certificate of an object that was fetched over one of them
// leads there, also when there is a session over the other.
func TestTwoNetworksAreTwoPeers(t *testing.T) {
	both := []string{quic, tcp}
	w := meet(t, setting{Layers: both}, setting{Layers: both, Policy: local}, setting{Layers: both}, overTCP, overQUIC)
	other := get[string](w.exporter, "uri", "object", overQUIC)
	w.receiver.do("meet", other)
	w.take(t, true)
	sessions := get[[]string](w.receiver, "sessions")
	for _, want := range []string{peerOf(t, w.ledger), peerOf(t, other), peerOf(t, w.shelf)} {
		if !slices.Contains(sessions, want) {
			t.Errorf("the receiver has sessions with %v, want one with %s", sessions, want)
		}
	}
	w.goesOn(t)
}

// What cannot be reached comes by way of the gifter, whose tracer is told.
func TestRelay(t *testing.T) {
	both := []string{quic, tcp}
	for _, c := range []struct {
		name                       string
		gifter, receiver, exporter setting
		gifts                      string
	}{
		{"policy", setting{Layers: []string{quic}}, setting{Layers: []string{quic}, Policy: nowhere}, setting{Layers: []string{quic}}, overQUIC},
		{"unreachable", setting{Layers: []string{quic}}, setting{Layers: []string{quic}, Policy: local}, setting{Layers: []string{quic}, Advertise: "127.0.0.1:1"}, overQUIC},
		{"another network", setting{Layers: both}, setting{Layers: []string{quic}}, setting{Layers: both}, overTCP},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := meet(t, c.gifter, c.receiver, c.exporter, c.gifts, overQUIC)
			w.take(t, true)
			if sessions := get[[]string](w.receiver, "sessions"); !slices.Equal(sessions, []string{peerOf(t, w.shelf)}) {
				t.Errorf("the receiver has sessions with %v, want one with the gifter, %s", sessions, peerOf(t, w.shelf))
			}
			if n := get[map[string]int](w.gifter, "events"); n["handoff-relay"] == 0 {
				t.Errorf("at the gifter: %v, want handoff-relay", n)
			}
			leave(w.gifter)
			if a := w.receiver.ask("more"); !strings.Contains(a.Error, "session") {
				t.Errorf("without the gifter: %s, %q, want the end of the session", a.Value, a.Error)
			}
			leave(w.receiver, w.exporter)
		})
	}
}

// Where the receiver could not ask for it to be relayed, and may not be on the exporter's network, the gifter forwards and
// makes no certificate.
func TestForwarded(t *testing.T) {
	for _, c := range []struct {
		name                       string
		gifter, receiver, exporter []string
		gifts, takes               string
	}{
		{"noisequic to tcptest", []string{quic, tcp}, []string{tcp}, []string{quic}, overQUIC, overTCP},
		{"tcptest to websocket", []string{tcp, ws}, []string{ws, tcp}, []string{tcp}, overTCP, overWS},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := meet(t, setting{Layers: c.gifter}, setting{Layers: c.receiver, Policy: local}, setting{Layers: c.exporter}, c.gifts, c.takes)
			w.take(t, true)
			if n := get[map[string]int](w.gifter, "events"); n["handoff-relay"] != 0 || n["handoff-give"] != 0 {
				t.Errorf("at the gifter: %v, want no handoff", n)
			}
			leave(w.gifter, w.receiver, w.exporter)
		})
	}
}

// Where no gifter relays, what cannot be reached is an error, soon.
func TestUnreachable(t *testing.T) {
	only := []string{tcp}
	for name, c := range map[string]struct{ receiver, exporter setting }{
		"policy":      {setting{Layers: only, Policy: nowhere}, setting{Layers: only}},
		"unreachable": {setting{Layers: only, Policy: local}, setting{Layers: only, Advertise: "127.0.0.1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := meet(t, setting{Layers: only}, c.receiver, c.exporter, overTCP, overTCP)
			if a := w.receiver.ask("take", w.shelf, "3"); a.Error == "" {
				t.Errorf("took %s, want an error", a.Value)
			}
			// What was sent before that was known went by way of the gifter.
			if got := get[[]int](w.exporter, "got"); len(got) > 3 || !slices.IsSorted(got) {
				t.Errorf("the exporter heard %v", got)
			}
			leave(w.gifter, w.receiver, w.exporter)
		})
	}
}

// A gifter that is on this machine itself may send us to this machine, also where not everybody may.
func TestLocalGifter(t *testing.T) {
	for _, over := range []struct{ layer, transport string }{{quic, overQUIC}, {tcp, overTCP}} {
		t.Run(over.transport, func(t *testing.T) {
			only := setting{Layers: []string{over.layer}}
			w := meet(t, only, only, only, over.transport, over.transport)
			w.take(t, over.layer == quic)
			if n := get[map[string]int](w.gifter, "events"); n["handoff-relay"] != 0 {
				t.Errorf("at the gifter: %v, want no handoff-relay", n)
			}
			w.goesOn(t)
		})
	}
}

// So may one that is on it by the loopback address of IPv6.
func TestLocalGifterIPv6(t *testing.T) {
	probe, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("SKIPPED, AND WITH IT EVERY HANDOFF OVER IPv6: this machine has no [::1]: %v", err)
	}
	_ = probe.Close()
	for _, over := range []struct{ layer, transport string }{{quic, overQUIC}, {"noisetcp", overQUIC}, {tcp, overTCP}, {ws, overWS}} {
		t.Run(over.layer, func(t *testing.T) {
			only := setting{Layers: []string{over.layer}, Host: "::1"}
			w := meet(t, only, only, only, over.transport, over.transport)
			for _, uri := range []string{w.shelf, w.ledger} {
				s, err := sturdyref.Parse(uri)
				if err != nil || strings.Contains(fmt.Sprint(s.Peer.Hints), "127.0.0.1") || !strings.Contains(fmt.Sprint(s.Peer.Hints), "::1") {
					t.Fatalf("%v: hints %v, want [::1] and nothing else", err, s.Peer.Hints)
				}
			}
			w.take(t, over.transport == overQUIC)
			if n := get[map[string]int](w.gifter, "events"); n["handoff-give"] == 0 || n["handoff-relay"] != 0 {
				t.Errorf("at the gifter: %v, want handoff-give and no handoff-relay", n)
			}
			w.goesOn(t)
		})
	}
}

// What is published under a secret of the node's own making is fetched over TCP, too.
func TestStrongSecretOverTCP(t *testing.T) {
	only := setting{Layers: []string{tcp}}
	only.Role = "exporter"
	exporter := start(t, only)
	only.Role = "receiver"
	receiver := start(t, only)
	receiver.do("meet", get[string](exporter, "uri", "object", overTCP))
	leave(receiver, exporter)
}
