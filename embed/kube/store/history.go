package store

import "k8s.io/apimachinery/pkg/runtime/schema"

// history is the recent past: enough for a watch to continue where a list or a
// broken watch ended.
type history struct {
	limit   int
	changes []Change
	bytes   int
	// floor is the newest resourceVersion that has been forgotten.
	floor uint64
}

func (h *history) add(c Change) {
	h.changes = append(h.changes, c)
	h.bytes += weight(c)
	drop := 0
	for len(h.changes)-drop > h.limit || h.bytes > historyBytes && len(h.changes)-drop > historyMin {
		h.bytes -= weight(h.changes[drop])
		h.floor = h.changes[drop].Object.RV
		h.changes[drop] = Change{}
		drop++
	}
	if drop > 0 {
		// Slicing keeps the cost of a drop constant; append moves the rest to a
		// new array when this one is used up.
		h.changes = h.changes[drop:]
	}
}

// weight is the memory that only the history holds.
func weight(c Change) int {
	if c.Old == nil {
		return 0
	}
	return len(c.Old.JSON)
}

// Since returns the changes of a resource after rv, oldest first; ok is false if
// some of them are forgotten.
func (s *Store) Since(gr schema.GroupResource, rv uint64) (out []Change, ok bool) {
	if rv < s.history.floor {
		return nil, false
	}
	for _, c := range s.history.changes {
		if c.Object.RV > rv && c.Object.GVR.GroupResource() == gr {
			out = append(out, c)
		}
	}
	return out, true
}

// Compact forgets all changes up to now, as etcd's compaction does: a watch that
// wants to continue from before has to list anew.
func (s *Store) Compact() {
	s.history = history{limit: s.history.limit, floor: s.rv}
}
