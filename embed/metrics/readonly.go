package metrics

import "net/http"

// SetReadOnly makes the storage refuse writes as if its disk were full, or ends
// that. What is stored is still answered.
func (s *Store) SetReadOnly(on bool) { s.readOnly.Store(on) }

// writable returns the refusal of writes while the disk is full, as vminsert's.
func (s *Store) writable() error {
	if s.readOnly.Load() || s.vm.IsReadOnly() {
		return refuse(http.StatusServiceUnavailable, "the storage is read-only: less than %d MB of its disk are free", int(minFreeDiskBytes/1e6))
	}
	return nil
}
