package link

// Request is what a dialler with that secret says.
func Request(s []byte, attempt, next uint64, over bool) []byte {
	k := secret(s)
	return request{id: k.id(), attempt: attempt, next: next, over: over}.encode(&k)
}

// Answer is what an acceptor with that secret answers.
func Answer(s, request []byte, next uint64) []byte {
	k := secret(s)
	return answer{next: next}.encode(&k, request)
}

// Gone is the answer of who knows of no link.
func Gone() []byte { return gone }
