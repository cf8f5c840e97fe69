// Package minivat is the floor for local messages: the least a vat can be and still run one message at a time, without
// errors, promises, references, copying or limits. A real vat is measured against it.
//
// A message is a value in a slice. The sender that finds a vat idle starts its goroutine, which takes the whole slice,
// runs what is in it and goes away when there is no more. Messages to objects of the same vat never see the mutex.
package minivat

import "sync"

// A Message is delivered by value.
type Message struct {
	To    Object
	From  *Vat   // where the answer goes, or nil
	Reply Object // gets the answer
	Value int64
}

// An Object receives messages, one at a time.
type Object interface{ Receive(v *Vat, m Message) }

// A Vat runs the messages of its objects. The zero Vat is ready.
type Vat struct {
	mu      sync.Mutex
	queue   []Message
	running bool

	// Of the running goroutine.
	spare []Message
	local []Message
}

// Send delivers a message to an object of this vat, from any goroutine.
func (v *Vat) Send(m Message) {
	v.mu.Lock()
	v.queue = append(v.queue, m)
	start := !v.running
	v.running = true
	v.mu.Unlock()
	if start {
		go v.run()
	}
}

// SendLocal delivers a message to an object of this vat from a turn of this vat.
func (v *Vat) SendLocal(m Message) { v.local = append(v.local, m) }

// SendAll delivers messages to objects of this vat with one wake-up.
func (v *Vat) SendAll(ms []Message) {
	v.mu.Lock()
	v.queue = append(v.queue, ms...)
	start := !v.running
	v.running = true
	v.mu.Unlock()
	if start {
		go v.run()
	}
}

func (v *Vat) run() {
	for {
		v.mu.Lock()
		if len(v.queue) == 0 {
			v.running = false
			v.mu.Unlock()
			return
		}
		batch := v.queue
		v.queue = v.spare[:0]
		v.mu.Unlock()
		for i := range batch {
			batch[i].To.Receive(v, batch[i])
			v.drain()
		}
		clear(batch)
		v.spare = batch
	}
}

// drain runs what the turn sent to its own vat, and what that sends.
func (v *Vat) drain() {
	for i := 0; i < len(v.local); i++ {
		m := v.local[i]
		v.local[i] = Message{}
		m.To.Receive(v, m)
		if i == 1023 { // keep the queue short however long it runs
			v.local = v.local[:copy(v.local, v.local[i+1:])]
			i = -1
		}
	}
	v.local = v.local[:0]
}
