package kube

// Unlisten closes the listener and all connections through it, at once; the API goes
// on for who is in this process. Listen may be called again.
func (s *Server) Unlisten() error {
	s.web.mu.Lock()
	defer s.web.mu.Unlock()
	h := s.web.server
	if h == nil {
		return nil
	}
	err := h.Close()
	<-s.web.ended
	s.web.server = nil
	return err
}
