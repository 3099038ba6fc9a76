package metrics

// Stored is Stats().Stored alone, cheap enough to ask for after every request.
func (s *Store) Stored() int64 {
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	return s.counters.Stored
}
