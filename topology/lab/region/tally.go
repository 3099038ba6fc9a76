package region

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// tally keeps on disk how many records a store has acknowledged. Storages hold
// the newest records in memory for seconds; when the process is killed these are
// gone, and the tally tells how many they were: what is written to a file
// survives the process, if not the machine's power.
type tally struct {
	mu   sync.Mutex
	file *os.File
	// total is what was in the store at its opening plus what it has
	// acknowledged since.
	total int64
	// mark is the total of a while ago, older than what any storage holds in
	// memory: a crash cannot lose more than came since. Without it records that
	// retention removed would count as lost.
	mark   int64
	marked time.Time
	next   int64
}

// tallyAge is well above the time that records stay in memory only.
const tallyAge = time.Minute

// openTally opens the file and returns the total and the mark it was left with.
func openTally(path string) (*tally, int64, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("open tally: %w", err)
	}
	var b [16]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, 0, errors.Join(fmt.Errorf("read tally: %w", err), f.Close())
	}
	return &tally{file: f}, int64(binary.LittleEndian.Uint64(b[:8])), int64(binary.LittleEndian.Uint64(b[8:])), nil
}

// start begins a new count at what the store holds.
func (t *tally) start(present int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total, t.mark, t.next, t.marked = present, present, present, time.Now()
	return t.write()
}

// reach records a total, unless a later one is recorded already.
func (t *tally) reach(total int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if total <= t.total {
		return nil
	}
	t.total = total
	if now := time.Now(); now.Sub(t.marked) > tallyAge {
		t.mark, t.next, t.marked = t.next, total, now
	}
	return t.write()
}

func (t *tally) write() error {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], uint64(t.total))
	binary.LittleEndian.PutUint64(b[8:], uint64(t.mark))
	_, err := t.file.WriteAt(b[:], 0)
	return err
}

func (t *tally) close() error { return t.file.Close() }

// lostSince is how many records a crash cost: those acknowledged that are not
// present, of those that came since the mark.
func lostSince(total, mark, present int64) int64 {
	return max(0, min(total-present, total-mark))
}

// counted records what the store has acknowledged before the answer to each
// request leaves: net/http keeps a short answer until its handler returns.
func counted(h http.Handler, t *tally, total func() int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		// A tally that cannot be written makes a later loss uncounted, not larger;
		// the disk that refuses 16 bytes has refused the data already.
		_ = t.reach(total())
	})
}
