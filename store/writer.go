package store

// write is the store's goroutine: it writes what has gathered until the store is closed and nothing is left, or a write
// fails.
func (s *Store) write() {
	for {
		group := s.gather()
		if len(group) == 0 {
			return
		}
		var err error
		if batches := writes(group); len(batches) > 0 {
			err = s.backend.Apply(batches)
		}
		if err != nil {
			err = failed(err)
			group = append(group, s.stop(err)...)
		} else {
			s.written(group)
		}
		for i := range group {
			if group[i].done != nil {
				group[i].done(err)
			}
		}
		if err != nil {
			return
		}
	}
}

// writes returns the batches of a group, but for empty ones, which only wait for what was submitted before them.
func writes(group []submission) []*Batch {
	batches := make([]*Batch, 0, len(group))
	for i := range group {
		if len(group[i].batch.ops) > 0 {
			batches = append(batches, group[i].batch)
		}
	}
	return batches
}

// gather waits for batches and takes as many as one transaction should have; none when the store is closed and all are
// written.
func (s *Store) gather() (group []submission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) == 0 && !s.closed {
		s.changed.Wait()
	}
	n, size := 0, 0
	for n < len(s.waiting) && (n == 0 || size+s.waiting[n].batch.size <= maxGroup) {
		size += s.waiting[n].batch.size
		n++
	}
	group = s.waiting[:n:n]
	if s.waiting = s.waiting[n:]; len(s.waiting) == 0 {
		s.waiting = nil
	}
	return group
}

// written forgets what Get can now find in the backend.
func (s *Store) written(group []submission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range group {
		s.pending -= sub.batch.size
		for _, op := range sub.batch.ops {
			at := place{op.Bucket, string(op.Key)}
			if s.unread[at].n == sub.n {
				delete(s.unread, at)
			}
		}
	}
	s.changed.Broadcast()
}

// stop has the store take nothing any more, and returns what waits.
func (s *Store) stop(err error) (rest []submission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest, s.waiting, s.unread, s.pending = s.waiting, nil, nil, 0
	if s.err == nil {
		s.err = err
	}
	s.changed.Broadcast()
	return rest
}
