package link

import "github.com/hawser-go/hawser/netlayer"

// Request is what a dialler with that secret says.
func Request(s []byte, attempt, next uint64, over bool) []byte {
	k := secret(s)
	return request{id: k.id(), attempt: attempt, next: next, over: over, from: rogueProcess}.encode(&k)
}

// Answer is what an acceptor with that secret answers.
func Answer(s, request []byte, next uint64) []byte {
	k := secret(s)
	return answer{next: next, from: rogueProcess}.encode(&k, request)
}

// Gone is the answer of who knows of no link.
func Gone() []byte { return gone }

// Held returns how many links a netlayer knows: all, by name, and suspended.
func (n *Netlayer) Held() (links, named, suspended int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.links), len(n.byID), len(n.crowd.members)
}

// Turned is Request of the side that was dialled at the beginning.
func Turned(s []byte, attempt, next uint64) []byte {
	k := secret(s)
	return request{id: k.id(), attempt: attempt, next: next, turned: true, from: rogueProcess}.encode(&k)
}

// rogueProcess is the incarnation of whoever says what the functions above return.
var rogueProcess = incarnation{process: [16]byte{1}}

// InMemory returns how many bytes of frames a link has in memory.
func InMemory(c netlayer.Conn) int {
	l := c.(lasting).link
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.bytes()
}

// Claim is Request of somebody else than rogueProcess.
func Claim(s []byte, attempt, next uint64, store [16]byte, epoch uint64, process byte) []byte {
	k := secret(s)
	from := incarnation{store: store, epoch: epoch, process: [16]byte{process}}
	return request{id: k.id(), attempt: attempt, next: next, from: from}.encode(&k)
}
