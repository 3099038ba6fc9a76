package event

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAddStampsAndNumbers(t *testing.T) {
	l := NewLog(at(noon), 10)
	l.Add(Warning, "QueueFull", "c1/collector", "1000 batches are waiting")
	require.Equal(t, []Event{{
		Seq: 1, Time: noon, Level: Warning, Reason: "QueueFull",
		Object: "c1/collector", Message: "1000 batches are waiting",
	}}, l.Since(0))
}

// The log is the tail of all that was added, from any point asked for.
func TestSinceIsTheTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(-1, 8).Draw(t, "size")
		added := rapid.IntRange(0, 30).Draw(t, "added")
		l := NewLog(at(noon), size)
		for range added {
			l.Add(Normal, "Tick", "", "")
		}
		after := rapid.Int64Range(-3, 35).Draw(t, "after")
		var want []int64
		for seq := int64(1); seq <= int64(added); seq++ {
			if seq > after && seq > int64(added-max(size, 1)) {
				want = append(want, seq)
			}
		}
		var got []int64
		for _, e := range l.Since(after) {
			got = append(got, e.Seq)
		}
		require.Equal(t, want, got)
	})
}

func TestSinceReturnsACopy(t *testing.T) {
	l := NewLog(at(noon), 2)
	l.Add(Normal, "One", "", "")
	events := l.Since(0)
	l.Add(Normal, "Two", "", "")
	l.Add(Normal, "Three", "", "")
	require.Equal(t, "One", events[0].Reason)
}

func TestSubscribersSeeWhatComes(t *testing.T) {
	l := NewLog(at(noon), 10)
	l.Add(Normal, "Before", "", "")
	c, cancel := l.Subscribe()
	l.Add(Normal, "During", "", "")
	cancel()
	cancel() // harmless
	l.Add(Normal, "After", "", "")
	var got []string
	for e := range c {
		got = append(got, e.Reason)
	}
	require.Equal(t, []string{"During"}, got)
}

func TestSlowSubscribersMissEvents(t *testing.T) {
	l := NewLog(at(noon), 1)
	c, cancel := l.Subscribe()
	defer cancel()
	const added = 1000
	for range added {
		l.Add(Normal, "Tick", "", "") // must not block
	}
	require.Len(t, c, cap(c))
	for range cap(c) {
		<-c
	}
	l.Add(Normal, "Tick", "", "")
	require.Equal(t, int64(added+1), (<-c).Seq, "the gap shows in the numbers")
}

func TestCloseEndsSubscriptions(t *testing.T) {
	l := NewLog(at(noon), 10)
	before, cancel := l.Subscribe()
	l.Add(Normal, "Last", "", "")
	l.Close()
	l.Close()
	require.Equal(t, "Last", (<-before).Reason)
	_, open := <-before
	require.False(t, open)
	cancel() // harmless
	after, cancel := l.Subscribe()
	defer cancel()
	_, open = <-after
	require.False(t, open)
	l.Add(Normal, "Late", "", "")
	require.Len(t, l.Since(0), 2)
}

func TestNilLogDiscards(t *testing.T) {
	var l *Log
	l.Add(Error, "Any", "", "")
	require.Empty(t, l.Since(0))
	l.Close()
	c, cancel := l.Subscribe()
	cancel()
	cancel()
	_, open := <-c
	require.False(t, open)
}

func TestConcurrentUse(t *testing.T) {
	l := NewLog(at(noon), 100)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c, cancel := l.Subscribe()
			for range 100 {
				l.Add(Normal, "Tick", "", "")
			}
			cancel()
			for range c {
			}
			l.Since(10)
		})
	}
	wg.Wait()
	events := l.Since(0)
	require.Len(t, events, 100)
	require.Equal(t, int64(400), events[99].Seq)
}

func BenchmarkAdd(b *testing.B) {
	l := NewLog(at(noon), 10_000)
	b.ReportAllocs()
	for b.Loop() {
		l.Add(Normal, "Tick", "c1/collector", "")
	}
}
