package kube

// ResourceVersion is the version of the newest change of any object.
func (s *Server) ResourceVersion() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.st.RV()
}
