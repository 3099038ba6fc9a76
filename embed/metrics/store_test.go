package metrics

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	f := func(name, want string, prepare func(o *Options)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: t.TempDir(), Clock: clock.NewVirtual(noon)}
			prepare(&o)
			s, err := Open(o)
			require.ErrorContains(t, err, want)
			require.Nil(t, s)
		})
	}
	put := func(path, content string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	f("no directory", "no directory given", func(o *Options) { o.Dir = "" })
	f("short retention", "want at least 24h", func(o *Options) { o.Retention = time.Hour })
	f("unknown semantics", `want "prometheus" or "kof"`, func(o *Options) { o.Semantics = "sql" })
	f("negative limit", "a limit is negative", func(o *Options) { o.MaxSeries = -1 })
	f("a file in its place", "cannot create its directory", func(o *Options) {
		o.Dir = filepath.Join(o.Dir, "file", "below")
		put(filepath.Dir(o.Dir), "")
	})
	f("newer state", "written by a newer koflab", func(o *Options) {
		put(filepath.Join(o.Dir, "state.json"), `{"version":99,"clean":true}`)
	})
	f("damaged storage", "is damaged", func(o *Options) {
		put(filepath.Join(o.Dir, "storage", "data", "small", "2026_01", "parts.json"), "{")
	})
	f("missing part", "a part is missing", func(o *Options) {
		put(filepath.Join(o.Dir, "storage", "data", "small", "2026_01", "parts.json"), `{"Small":[],"Big":["17A0"]}`)
	})
	f("damaged part", "is not JSON", func(o *Options) {
		dir := filepath.Join(o.Dir, "storage", "data", "indexdb", "2026_01")
		put(filepath.Join(dir, "parts.json"), `["17A0"]`)
		put(filepath.Join(dir, "17A0", "metadata.json"), "")
	})
	f("a panic of the library", "is damaged", func(o *Options) {
		put(filepath.Join(o.Dir, "storage", "restore-in-progress"), "")
	})
	f("foreign VictoriaMetrics", "cannot be used", func(o *Options) {
		require.NoError(t, os.MkdirAll(filepath.Join(o.Dir, "storage"), 0o755))
		lock, err := lockFile(filepath.Join(o.Dir, "storage", "flock.lock"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = lock.Close() })
	})
	if runtime.GOOS == "linux" {
		f("not writable", "cannot create its directory", func(o *Options) { o.Dir = "/proc/koflab" })
	}
}

func TestFullDiskIsFound(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full on this system")
	}
	defer func() { require.NoError(t, full.Close()) }()
	require.ErrorIs(t, fill(full), syscall.ENOSPC)
}

func TestOneStorePerDirectory(t *testing.T) {
	s := open(t, Options{})
	_, err := Open(Options{Dir: s.opts.Dir})
	require.ErrorContains(t, err, "is in use")

	require.NoError(t, s.Close())
	again, err := Open(Options{Dir: s.opts.Dir})
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestClosedStoreAnswersErrors(t *testing.T) {
	s := open(t, Options{})
	q := s.Queryable()
	require.NoError(t, s.Close())

	require.ErrorIs(t, s.Close(), ErrClosed)
	require.ErrorIs(t, s.Crash(), ErrClosed)
	_, err := q.Querier(0, 1)
	require.ErrorIs(t, err, ErrClosed)
	require.Equal(t, http.StatusServiceUnavailable, post(s.InsertHandler(), importPath, []byte("a 1")).Code)
	require.Equal(t, http.StatusServiceUnavailable, get(s, "/query", "query", "a").Code)
	require.Equal(t, http.StatusServiceUnavailable, get(s, "/query", "query", "a", "semantics", "kof").Code)
	require.Zero(t, s.Stats().Series)
}

func TestDataSurvivesClose(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	write(t, s, at(noon, 42, "__name__", "m", "a", "1"))
	require.NoError(t, s.Close())

	s = open(t, Options{Dir: dir})
	require.False(t, s.UncleanStart())
	require.Zero(t, s.Stats().UncleanStarts)
	require.Equal(t, []string{`{__name__="m", a="1"} 42`}, instant(t, s, "m"))
}

func TestUncleanStartIsCounted(t *testing.T) {
	dir := t.TempDir()
	reopen := func() *Store { return open(t, Options{Dir: dir}) }

	require.NoError(t, reopen().Crash())
	s := reopen()
	require.True(t, s.UncleanStart())
	require.EqualValues(t, 1, s.Stats().UncleanStarts)
	require.NoError(t, s.Close())

	// A crash may cut the state file off, or lose it.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "state.json"), []byte(`{"vers`), 0o600))
	s = reopen()
	require.True(t, s.UncleanStart())
	require.NoError(t, s.Close())

	require.NoError(t, os.Remove(filepath.Join(dir, "state.json")))
	s = reopen()
	require.True(t, s.UncleanStart())
	require.NoError(t, s.Close())

	s = reopen()
	require.False(t, s.UncleanStart())
	require.EqualValues(t, 1, s.Stats().UncleanStarts, "counted over the directory's life, since the state was last lost")
}

func TestCrashKeepsWhatWasOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	write(t, s, at(noon, 1, "__name__", "old"))
	require.NoError(t, s.Close()) // everything is on disk now

	s = open(t, Options{Dir: dir})
	write(t, s, at(noon, 2, "__name__", "young"))
	require.Equal(t, []string{`{__name__="young"} 2`}, instant(t, s, "young"))
	require.NoError(t, s.Crash())

	s = open(t, Options{Dir: dir})
	require.Equal(t, []string{`{__name__="old"} 1`}, instant(t, s, "old"))
	require.Empty(t, instant(t, s, "young"), "acknowledged, but still in memory when the process died")
	require.NoDirExists(t, filepath.Join(dir, "crash-image"))
}

// Every crash under load must leave an image that opens and holds only what was written.
func TestCrashUnderLoad(t *testing.T) {
	dir := t.TempDir()
	const writers, crashes = 2, 4
	for crash := range crashes {
		s := open(t, Options{Dir: dir})
		require.Equal(t, crash > 0, s.UncleanStart())
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for i := 0; ; i++ {
					text := strings.Repeat("m{i=\""+strings.Repeat("x", i%50+1)+"\"} 1\n", 20)
					if post(s.InsertHandler(), importPath, []byte(text)).Code != http.StatusNoContent {
						return
					}
				}
			})
		}
		for s.Stats().Stored < 5_000 {
			s.vm.DebugFlush() // makes parts and has them merged while the image is taken
		}
		require.NoError(t, s.Crash())
		wg.Wait()
	}
	s := open(t, Options{Dir: dir})
	for _, line := range instant(t, s, `count by (x) ({__name__!="m", i=~".+"})`) {
		t.Fatalf("a series nobody wrote: %s", line)
	}
}

func TestCloseWaitsForNobodyForever(t *testing.T) {
	s := open(t, Options{})
	var text strings.Builder
	for i := range 2000 {
		text.WriteString("m{i=\"" + strings.Repeat("a", i%1000+1) + string(rune('a'+i/1000)) + "\"} 1\n")
	}
	importText(t, s, text.String())
	var wg sync.WaitGroup
	for _, semantics := range []string{SemanticsPrometheus, SemanticsKOF} {
		wg.Go(func() {
			for {
				w := get(s, "/query_range", "query", "sum(rate(m[5m]))", "start", "0", "end", "1000", "step", "1", "semantics", semantics)
				if w.Code == http.StatusServiceUnavailable {
					return
				}
			}
		})
		wg.Go(func() {
			for post(s.InsertHandler(), importPath, []byte("m 1")).Code == http.StatusNoContent {
			}
		})
	}
	require.NoError(t, s.Close())
	wg.Wait()
	balanced(t, s)
}

func TestQuerierOutlivesClose(t *testing.T) {
	s := open(t, Options{})
	write(t, s, at(noon, 7, "__name__", "m"))
	q, err := s.Queryable().Querier(0, noon.UnixMilli())
	require.NoError(t, err)
	set := q.Select(context.Background(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "m"))

	closed := make(chan error)
	go func() { closed <- s.Close() }()
	<-s.ctx.Done() // Close has begun and must wait for the querier
	require.True(t, set.Next())
	it := set.At().Iterator(nil)
	it.Next()
	_, v := it.At()
	require.Equal(t, 7.0, v)

	require.NoError(t, q.Close())
	require.NoError(t, q.Close(), "a second close is harmless")
	require.NoError(t, <-closed)
}
