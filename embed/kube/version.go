package kube

// ResourceVersion is the version of the newest change of any object.
func (s *Server) ResourceVersion() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.st.RV()
}

// Compact forgets the changes that led to the present state. Watches that are
// open go on; one that wants to continue from an earlier version has to list anew.
func (s *Server) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.Compact()
}
