package logstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

// start is the lab's time at the beginning of each test.
var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Clock == nil {
		o.Clock = clock.NewVirtual(start)
	}
	s, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// add stores n rows that are a second apart and end at the time at.
func add(t testing.TB, s *Store, at time.Time, n int) {
	t.Helper()
	b := s.NewBatch(InsertArgs{}, "")
	for i := range n {
		b.Add(at.Add(-time.Duration(i)*time.Second).UnixNano(), []logstorage.Field{{Name: "app", Value: "web"}, {Name: "_msg", Value: fmt.Sprint("row ", i)}}, 1)
	}
	require.NoError(t, s.Commit(b))
}

// count returns how many rows a query finds.
func count(t testing.TB, s *Store, query string) int {
	t.Helper()
	q, err := s.NewQuery(query+" | stats count() n", nil)
	require.NoError(t, err)
	n := 0
	require.NoError(t, s.Run(context.Background(), q.Query, func(_ uint, b *logstorage.DataBlock) {
		n, err = strconv.Atoi(b.GetColumnByName("n").Values[0])
	}))
	require.NoError(t, err)
	return n
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	inUse := open(t, Options{})
	badState := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(badState, stateFile), []byte("{"), 0o644))
	partition := func(content map[string]string) string {
		dir := t.TempDir()
		for name, text := range content {
			path := filepath.Join(dir, dataDir, partitionsDir, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
		return dir
	}
	for name, tc := range map[string]struct{ dir, want string }{
		"no directory":           {"", "no directory given"},
		"a file":                 {file, "is not a directory"},
		"below a file":           {filepath.Join(file, "sub"), "not a directory"},
		"not writable":           {"/proc/koflab", "create directory"},
		"in use":                 {inUse.Dir(), "another lab or store has it open"},
		"unreadable state":       {badState, "remove the file to forget"},
		"foreign partition":      {partition(map[string]string{"lost+found/x": ""}), "not a partition"},
		"unreadable list":        {partition(map[string]string{"20260301/datadb/parts.json": "{", "20260301/indexdb/parts.json": "[]"}), "partition 20260301 is damaged"},
		"missing part":           {partition(map[string]string{"20260301/datadb/parts.json": `["0001"]`, "20260301/indexdb/parts.json": "[]"}), "part 0001"},
		"data without its index": {partition(map[string]string{"20260301/datadb/parts.json": "[]"}), "has data but no index"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(Options{Dir: tc.dir})
			if err == nil {
				_ = s.Close()
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestOpenRemovesUnfinishedParts(t *testing.T) {
	dir := t.TempDir()
	part := filepath.Join(dir, dataDir, partitionsDir, "20260302", "indexdb", "0001")
	require.NoError(t, os.MkdirAll(part, 0o755))
	s := open(t, Options{Dir: dir})
	require.NoDirExists(t, part)
	add(t, s, start, 3)
	require.Equal(t, 3, count(t, s, "*"))
}

func TestCloseKeepsRows(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	add(t, s, start, 10)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing twice")

	require.ErrorIs(t, s.Commit(s.NewBatch(InsertArgs{}, "")), ErrClosed)
	q, err := s.NewQuery("*", nil)
	require.NoError(t, err)
	require.ErrorIs(t, s.Run(context.Background(), q.Query, func(uint, *logstorage.DataBlock) {}), ErrClosed)
	require.EqualValues(t, 10, s.Stats().Stored)

	s = open(t, Options{Dir: dir})
	require.Equal(t, 10, count(t, s, "*"))
	require.False(t, s.Stats().UncleanStart)
	require.Zero(t, s.Stats().UncleanStarts)
}

func TestCrash(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	add(t, s, start.AddDate(0, 0, -1), 100)
	require.NoError(t, s.Close())

	s = open(t, Options{Dir: dir, FlushInterval: time.Hour})
	add(t, s, start, 100)
	require.Equal(t, 200, count(t, s, "*"))
	require.NoError(t, s.Crash())
	require.ErrorIs(t, s.Crash(), ErrClosed)
	require.NoError(t, s.Close(), "closing after a crash")

	s = open(t, Options{Dir: dir})
	require.Equal(t, 100, count(t, s, "*"), "what was on disk survives, what was in memory does not")
	require.True(t, s.Stats().UncleanStart)
	require.EqualValues(t, 1, s.Stats().UncleanStarts)
	require.True(t, s.Crashed())
	add(t, s, start, 5)
	require.NoError(t, s.Close())

	s = open(t, Options{Dir: dir})
	require.Equal(t, 105, count(t, s, "*"))
	require.False(t, s.Stats().UncleanStart)
	require.EqualValues(t, 1, s.Stats().UncleanStarts)
}

// A crash while rows pour in leaves a storage that opens and holds no more
// than what was acknowledged.
func TestCrashUnderLoad(t *testing.T) {
	dir := t.TempDir()
	acknowledged := 0
	for range 5 {
		s := open(t, Options{Dir: dir, FlushInterval: time.Second})
		require.LessOrEqual(t, count(t, s, "*"), acknowledged)
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range 4 {
			wg.Go(func() {
				for range 100 {
					b := s.NewBatch(InsertArgs{}, "")
					for i := range 50 {
						b.Add(start.UnixNano()+int64(i), []logstorage.Field{{Name: "app", Value: strconv.Itoa(i)}}, 1)
					}
					if s.Commit(b) != nil {
						return
					}
					mu.Lock()
					acknowledged += 50
					mu.Unlock()
				}
			})
		}
		wg.Go(func() { count(t, s, "*") })
		wg.Wait()
		require.NoError(t, s.Crash())
	}
	s := open(t, Options{Dir: dir})
	require.EqualValues(t, 5, s.Stats().UncleanStarts)
}

// A crash that was itself interrupted is finished by the next open.
func TestOpenSettlesImage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	add(t, s, start, 7)
	require.NoError(t, s.Close())
	require.NoError(t, takeImage(filepath.Join(dir, dataDir), filepath.Join(dir, imageDir)))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, dataDir)))
	s = open(t, Options{Dir: dir})
	require.Equal(t, 7, count(t, s, "*"))
}

func TestCloseDuringUse(t *testing.T) {
	s := open(t, Options{})
	add(t, s, start, 1000)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				b := s.NewBatch(InsertArgs{}, "")
				b.Add(start.UnixNano(), []logstorage.Field{{Name: "app", Value: "x"}}, 1)
				if s.Commit(b) != nil {
					return
				}
			}
		})
		wg.Go(func() {
			for {
				q, err := s.NewQuery("* | sort by (_time)", nil)
				if err != nil || s.Run(context.Background(), q.Query, func(uint, *logstorage.DataBlock) {}) != nil {
					return
				}
				s.Stats()
			}
		})
	}
	for s.Stats().Stored < 1020 {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, s.Close())
	wg.Wait()
}

func TestRetentionFollowsTheLabsClock(t *testing.T) {
	c := clock.NewVirtual(start)
	s := open(t, Options{Clock: c, Retention: 7 * 24 * time.Hour})
	day := 24 * time.Hour
	for ago := range 7 {
		add(t, s, start.Add(-time.Duration(ago)*day), 10)
	}
	require.Equal(t, 70, count(t, s, "*"))
	require.Equal(t, 7, s.Stats().Partitions)

	c.Advance(3*day - time.Hour)
	require.Equal(t, 50, count(t, s, "*"), "days 5 and 6 before the start are over")
	require.Equal(t, 50, count(t, s, "options(ignore_global_time_filter=true) *"))
	require.Eventually(t, func() bool { return s.Stats().Partitions == 6 }, 10*time.Second, time.Millisecond,
		"a day of grace, then the partition is deleted")

	b := s.NewBatch(InsertArgs{}, "")
	row := []logstorage.Field{{Name: "_msg", Value: "x"}}
	now := c.Now()
	require.False(t, b.Add(now.Add(-7*day-1).UnixNano(), row, 0))
	require.True(t, b.Add(now.Add(-7*day).UnixNano(), row, 0))
	require.True(t, b.Add(now.Add(2*day).UnixNano(), row, 0))
	require.False(t, b.Add(now.Add(2*day+1).UnixNano(), row, 0))
	require.Equal(t, map[Reason]int64{TooOld: 1, TooNew: 1}, b.Dropped())
	require.NoError(t, s.Commit(b))
	require.Equal(t, 52, count(t, s, "*"))
}

func TestMaxDiskBytesDeletesOldestDays(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	for ago := range 5 {
		add(t, s, start.AddDate(0, 0, -ago), 10)
	}
	require.NoError(t, s.Close())
	s = open(t, Options{Dir: dir, MaxDiskBytes: 1})
	require.Eventually(t, func() bool { return s.Stats().Partitions == 2 }, 10*time.Second, time.Millisecond)
	require.Equal(t, 20, count(t, s, "*"))

	b := s.NewBatch(InsertArgs{}, "")
	require.False(t, b.Add(start.AddDate(0, 0, -3).UnixNano(), []logstorage.Field{{Name: "a", Value: "b"}}, 0), "its day was deleted")
	require.NoError(t, s.Commit(b))
}

func TestOptionsHaveDefaults(t *testing.T) {
	var o Options
	o.setDefaults()
	require.Equal(t, 7*24*time.Hour, o.Retention)
	require.NotNil(t, o.Clock)
	require.Equal(t, maxRowFields, o.MaxFieldsPerRow)
	o = Options{MaxRowBytes: 1 << 30, MaxFieldsPerRow: 1 << 30}
	o.setDefaults()
	require.Equal(t, maxRowBytes, o.MaxRowBytes)
	require.Equal(t, maxRowFields, o.MaxFieldsPerRow)
}
