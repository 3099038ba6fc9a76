package logstore

import "net/http"

// SetReadOnly makes the storage refuse rows as if its disk were full, or ends
// that. What is stored is still answered.
func (s *Store) SetReadOnly(on bool) { s.readOnly.Store(on) }

// writable returns the refusal of rows while the disk is full. Its status is
// VictoriaLogs': senders are to come back later.
func (s *Store) writable() error {
	if s.readOnly.Load() || s.vl.IsReadOnly() {
		return Errorf(http.StatusTooManyRequests, "cannot add rows into storage in read-only mode: less than %d MB of its disk are free", int(minFreeBytes/1e6))
	}
	return nil
}
