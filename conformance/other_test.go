package conformance_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/conformance"
	"github.com/hawser-go/hawser/conformance/wrongpeer"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/tcptest"
	"github.com/hawser-go/hawser/sturdyref"
)

// TestRealNetlayers runs the checks over real sockets.
func TestRealNetlayers(t *testing.T) {
	const linger = 50 * time.Millisecond
	for name, open := range map[string]func() (netlayer.Netlayer, error){
		"tcptest": func() (netlayer.Netlayer, error) { return tcptest.Open(&tcptest.Config{Linger: linger}) },
		"tcptest framed": func() (netlayer.Netlayer, error) {
			return tcptest.Open(&tcptest.Config{Linger: linger, Framing: tcptest.Framed})
		},
		"noisequic": func() (netlayer.Netlayer, error) {
			id, err := sturdyref.GenerateIdentity(time.Now())
			if err != nil {
				return nil, err
			}
			return noisequic.Open(&noisequic.Config{Identity: id, Listen: "127.0.0.1:0", Linger: linger})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := open()
			if err != nil {
				t.Fatal(err)
			}
			peer := wrongpeer.Start(n, wrongpeer.Config{})
			defer peer.Close()
			report, err := conformance.Run(t.Context(), conformance.Target{Peer: peer.Location(), Open: open}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range report.Results {
				if result.Verdict != conformance.Pass && result.Verdict != conformance.NotObservable {
					t.Errorf("%s: %s: %s", result.Clause.ID, result.Verdict, result.Detail)
				}
			}
		})
	}
}

// FuzzPeer has a peer greet and then send whatever the fuzzer likes, a line at a
// time: the checker ends, and does not panic.
func FuzzPeer(f *testing.F) {
	f.Add([]byte("<10'op:deliver<11'desc:export1+>[7'fulfill<18'desc:import-object1+>]ff>\n<10'op:deliver<11'desc:export2+>[7'fulfill[1+]]ff>"))
	f.Add([]byte("<10'op:deliver<11'desc:export1+>[7'fulfill<19'desc:import-promise1+>]ff>\n<10'op:deliver<11'desc:export2+>[7'fulfill<19'desc:import-promise1+>]ff>"))
	f.Add([]byte("<13'op:gc-exports[1+][1+]>\n<13'op:gc-answers[]>\n<8'op:abort3\"bye>"))
	f.Add([]byte("<10'op:deliver<11'desc:export0+>[13'withdraw-gift]1+<18'desc:import-object1+>>\n\n<9'op:listen<11'desc:export1+><18'desc:import-object1+>>"))
	f.Add([]byte("<10'op:deliver<11'desc:export1+>[]ff>\n<10'op:deliver<11'desc:export1+>[7'fulfill[<18'desc:import-object1+><18'desc:import-object1+>]]ff>"))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 1<<12 {
			t.Skip("long enough")
		}
		rogue := func(_ context.Context, conn netlayer.Conn) {
			op := &msg.StartSession{Version: "1.0", Location: sturdyref.Peer{Transport: mem.Transport, Designator: "rogue"}}
			if wire.Hawser.SignHello(op, seed(9)) != nil {
				return
			}
			hello, err := wire.NewEncoder(wire.Hawser).Append(nil, op, nil)
			if err != nil || conn.Write([][]byte{hello}) != nil {
				return
			}
			rest := script
			for {
				frame, err := conn.Read()
				if err != nil {
					return
				}
				frame.Done()
				line := rest
				rest = nil
				for i, c := range line {
					if c == '\n' {
						line, rest = line[:i], line[i+1:]
						break
					}
				}
				if len(line) > 0 && conn.Write([][]byte{line}) != nil {
					return
				}
			}
		}
		synctest.Test(t, func(t *testing.T) {
			report := meet(t, rogue, &conformance.Config{
				Timeout: 3 * time.Minute, Step: time.Second,
				Only: []string{"deliver-1", "listen-4", "gc-1", "gc-3", "handoff-9", "handoff-10", "handoff-16", "promise-2"},
			})
			if passes := report.Count(conformance.Pass); passes > 6 {
				t.Errorf("%d of 8 clauses pass", passes)
			}
		})
	})
}

// One reads in a report which clauses a peer keeps.
func ExampleRun() {
	network := mem.New(nil)
	defer network.Close()
	peer := wrongpeer.Start(network.Host(mem.HostConfig{Name: "peer"}), wrongpeer.Config{Wrong: "fetch-unknown"})
	defer peer.Close()

	parties := 0
	report, err := conformance.Run(context.Background(), conformance.Target{
		Peer: peer.Location(),
		Open: func() (netlayer.Netlayer, error) {
			parties++
			return network.Host(mem.HostConfig{Name: fmt.Sprint("checker ", parties)}), nil
		},
	}, &conformance.Config{Only: []string{"bootstrap-2", "bootstrap-3", "deliver-3", "deliver-8"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, result := range report.Results {
		fmt.Println(result.Clause.ID, result.Verdict)
	}
	// Output:
	// bootstrap-2 pass
	// bootstrap-3 fail
	// deliver-3 pass
	// deliver-8 not observable
}
