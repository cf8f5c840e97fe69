package model

import "fmt"

const (
	a = Peer(iota)
	b
	c
	d
)

// Published are the topologies of the published model, with as many messages as it has. A sends on promise 1.
func Published() []*Scenario {
	return []*Scenario{
		Chain("same vat", 2, a, a, b),
		Chain("2 parties", 3, b, a),
		Chain("2 parties, promise", 2, b, a, b),
		Chain("3 parties", 2, b, c, c),
		Chain("4 parties", 3, b, c, d),
		Chain("Tribble", 2, b, c, c).With("Tribble", func(sc *Scenario) { sc.Repropagate = true }),
	}
}

// Senders are scenarios with more than one sender: vats of one peer, several peers, and peers in the middle of a chain.
func Senders() []*Scenario {
	two := []Sender{{a, 0, 1, 2}, {a, 1, 1, 2}}
	return []*Scenario{
		Chains("two vats, 2 parties", two, b, a),
		Chains("two vats, 2 parties, promise", two, b, a, b),
		Chains("two vats, 3 parties", two, b, c, c),
		Chains("two vats, handoff", two, b, c),
		Chains("two peers, handoff", []Sender{{a, 0, 1, 2}, {d, 0, 1, 2}}, b, c),
		Chains("two peers, one hosts the target", []Sender{{a, 0, 1, 2}, {d, 0, 1, 2}}, b, d),
		Chains("two peers, 3 parties", []Sender{{a, 0, 1, 2}, {d, 0, 1, 2}}, b, c, c),
		Chains("the resolver sends, too", []Sender{{a, 0, 1, 2}, {b, 0, 1, 2}}, b, c, c),
		Chains("two references of one chain", []Sender{{a, 0, 1, 2}, {b, 0, 2, 2}}, b, c, d),
		Chains("back home by two others", []Sender{{a, 0, 1, 2}, {a, 1, 1, 1}}, b, c, a),
	}
}

// Gifts are scenarios in which references are passed on in messages. B holds 1, passes it to A, who knows it as 8 (and 9).
func Gifts() []*Scenario {
	passed := func(name string, senders []Sender, twice bool, hosts ...Peer) *Scenario {
		sc := Chains(name, nil, hosts...)
		sc.Peers = max(sc.Peers, 3)
		for len(sc.Refs) < sc.Peers {
			sc.Refs = append(sc.Refs, nil)
		}
		sc.Senders = senders
		far := Ref{ID: 1, Kind: RemotePromise, Peer: hosts[0], At: 1}
		if len(hosts) == 1 {
			far.Kind = RemoteTarget
		}
		sc.Refs[b] = append(sc.Refs[b], far)
		if first := sc.Refs[hosts[0]]; len(hosts) > 1 {
			for i := range first {
				if first[i].ID == 1 {
					first[i].Listeners = append(first[i].Listeners, Listener{b, 1})
				}
			}
		}
		sc.Events = append(sc.Events, Event{Peer: b, Pass: 1, As: 8, Whom: a})
		if twice {
			sc.Events = append(sc.Events, Event{Peer: b, Pass: 1, As: 9, Whom: a})
		}
		return sc
	}
	both := []Sender{{b, 0, 1, 2}, {a, 0, 8, 2}}
	return []*Scenario{
		passed("an object as a gift", both, false, c),
		passed("an object given twice", []Sender{{b, 0, 1, 1}, {a, 0, 8, 2}, {a, 0, 9, 2}}, true, c),
		passed("a promise as a gift", both, false, c, c),
		passed("a promise as a gift, leads to the gifter", both, false, c, b),
		passed("a promise as a gift, leads to the receiver", both, false, c, a),
		passed("a promise as a gift, leads to a fourth", both, false, c, d),
		passed("a promise given twice, leads to a fourth", []Sender{{a, 0, 8, 2}, {a, 1, 9, 2}}, true, c, d),
	}
}

// Mixed are scenarios in which not all peers are able to do the same: some cannot connect to each other, forward where
// others give, or are of another make and tell where a promise leads before they have moved its queue.
func Mixed() []*Scenario {
	early := Hawser(HawserOptions{EarlyWord: true})
	forwards := Hawser(HawserOptions{NoHandoffs: true})
	with := func(sc *Scenario, who Peer, p Policy) *Scenario {
		return sc.With(fmt.Sprintf("%s, %s is %s", sc.Name, who, p), func(sc *Scenario) { sc.Others = map[Peer]Policy{who: p} })
	}
	apart := func(sc *Scenario, x, y Peer) *Scenario {
		return sc.With(fmt.Sprintf("%s, %s cannot reach %s", sc.Name, x, y), func(sc *Scenario) { sc.Unreachable = [][2]Peer{{x, y}} })
	}
	handoff, three, four := Chain("handoff", 3, b, c), Chain("3 parties", 3, b, c, c), Chain("4 parties", 2, b, c, d)
	return []*Scenario{
		apart(handoff, a, c), apart(three, a, c), apart(four, a, d), apart(four, b, d),
		with(three, b, forwards), with(four, b, forwards), with(four, c, forwards),
		with(three, b, early), with(three, c, early), with(four, b, early), with(four, c, early),
	}
}

// Topologies are all chains of so many references, hosted in every way by so many peers at most, with so many messages. Of
// those that differ in the names of the peers only there is one.
func Topologies(refs, peers, messages int) []*Scenario {
	var all []*Scenario
	var hosts []Peer
	var extend func(known int)
	extend = func(known int) {
		if len(hosts) == refs {
			name := "chain "
			for _, h := range hosts {
				name += h.String()
			}
			all = append(all, Chain(name, messages, hosts...))
			return
		}
		for p := range min(known+1, peers) {
			hosts = append(hosts, Peer(p))
			extend(max(known, p+1))
			hosts = hosts[:len(hosts)-1]
		}
	}
	extend(1)
	return all
}
