package ledger

import (
	"encoding/json"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBooking(t *testing.T) {
	f := func(book func(*Account), want Entry) {
		t.Helper()
		l := New()
		book(l.Account("c1", "r1", Logs))
		want.Edge = Edge{"c1", "r1", Logs}
		if want.Dropped == nil {
			want.Dropped = map[string]int64{}
		}
		require.Equal(t, []Entry{want}, l.Snapshot())
		require.Zero(t, l.Snapshot()[0].Balance())
	}
	f(func(*Account) {}, Entry{})
	f(func(a *Account) { a.Offer(5) }, Entry{Offered: 5, Queued: 5})
	f(func(a *Account) { a.Offer(5); a.Acknowledge(3) }, Entry{Offered: 5, Acknowledged: 3, Queued: 2})
	f(func(a *Account) { a.Offer(5); a.Drop("queue_full", 5) }, Entry{Offered: 5, Dropped: map[string]int64{"queue_full": 5}})
	f(func(a *Account) { a.Offer(5); a.Drop("queue_full", 0) }, Entry{Offered: 5, Queued: 5})
	f(func(a *Account) { a.Offer(2); a.Duplicate(2) }, Entry{Offered: 2, Queued: 2, Duplicated: 2})
}

func TestUnbalancedBookingShows(t *testing.T) {
	e := Entry{Offered: 3, Acknowledged: 1, Dropped: map[string]int64{"a": 1, "b": 2}}
	require.Equal(t, int64(3), e.DroppedTotal())
	require.Equal(t, int64(-1), e.Balance())
}

func TestEntryIsACopy(t *testing.T) {
	a := New().Account("c1", "r1", Metrics)
	a.Offer(2)
	a.Drop("permanent", 1)
	e := a.Entry()
	a.Drop("permanent", 1)
	require.Equal(t, int64(1), e.Dropped["permanent"])
}

func TestJSONHasNoNull(t *testing.T) {
	l := New()
	l.Account("c1", "r1", Traces).Offer(1)
	out, err := json.Marshal(l.Snapshot())
	require.NoError(t, err)
	require.JSONEq(t, `[{"from":"c1","to":"r1","signal":"traces","offered":1,"acknowledged":0,"queued":1,"duplicated":0,"dropped":{}}]`, string(out))
}

func TestAccountsAreOpenedOnce(t *testing.T) {
	l := New()
	require.Same(t, l.Account("c1", "r1", Logs), l.Account("c1", "r1", Logs))
	require.NotSame(t, l.Account("c1", "r1", Logs), l.Account("c1", "r1", Traces))
}

func TestSnapshotIsOrdered(t *testing.T) {
	l := New()
	want := []Edge{
		{"c1", "r1", Logs}, {"c1", "r1", Metrics}, {"c1", "r2", Logs}, {"c2", "r1", Traces},
	}
	for _, i := range rand.Perm(len(want)) {
		l.Account(want[i].From, want[i].To, want[i].Signal)
	}
	var got []Edge
	for _, e := range l.Snapshot() {
		got = append(got, e.Edge)
	}
	require.Equal(t, want, got)
}

func TestRemoveClosesAccountsOfANode(t *testing.T) {
	l := New()
	l.Account("c1/targets", "c1", Metrics)
	kept := l.Account("c1", "r1", Metrics)
	l.Account("c2", "r1", Metrics).Offer(1)
	l.Remove("c1")
	require.Len(t, l.Snapshot(), 1)
	kept.Offer(1) // whoever still holds it may book on
	require.NotSame(t, kept, l.Account("c1", "r1", Metrics))
}

// A record enters by Offer and leaves the queue once; then the ledger balances
// after every step, however hops and signals mix.
func TestLedgerBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New()
		queued := map[*Account]int{}
		name := rapid.SampledFrom([]string{"c1", "c2", "r1"})
		account := func() *Account {
			return l.Account(name.Draw(t, "from"), name.Draw(t, "to"), rapid.SampledFrom([]Signal{Metrics, Logs, Traces}).Draw(t, "signal"))
		}
		t.Repeat(map[string]func(*rapid.T){
			"offer": func(t *rapid.T) {
				a, n := account(), rapid.IntRange(0, 1000).Draw(t, "n")
				a.Offer(n)
				queued[a] += n
			},
			"acknowledge": func(t *rapid.T) {
				a := account()
				n := rapid.IntRange(0, queued[a]).Draw(t, "n")
				a.Acknowledge(n)
				queued[a] -= n
			},
			"drop": func(t *rapid.T) {
				a := account()
				n := rapid.IntRange(0, queued[a]).Draw(t, "n")
				a.Drop(rapid.SampledFrom([]string{"queue_full", "permanent", "retry_timeout"}).Draw(t, "reason"), n)
				queued[a] -= n
			},
			"duplicate": func(t *rapid.T) { account().Duplicate(rapid.IntRange(0, 9).Draw(t, "n")) },
			"": func(t *rapid.T) {
				for _, e := range l.Snapshot() {
					require.Zero(t, e.Balance())
					require.Equal(t, int64(queued[l.Account(e.From, e.To, e.Signal)]), e.Queued)
				}
			},
		})
	})
}

// Entries taken while others book are consistent in themselves.
func TestConcurrentBookingBalances(t *testing.T) {
	l := New()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			a := l.Account("c1", "r1", Metrics)
			for range 500 {
				a.Offer(3)
				a.Acknowledge(2)
				a.Drop([]string{"a", "b", "c", "d"}[i], 1)
				for _, e := range l.Snapshot() {
					if e.Balance() != 0 {
						t.Errorf("out of balance: %+v", e)
					}
				}
			}
		})
	}
	wg.Wait()
	e := l.Account("c1", "r1", Metrics).Entry()
	require.Equal(t, int64(6000), e.Offered)
	require.Equal(t, int64(4000), e.Acknowledged)
	require.Zero(t, e.Queued)
}

func BenchmarkAccount(b *testing.B) {
	a := New().Account("c1", "r1", Metrics)
	b.ReportAllocs()
	for b.Loop() {
		a.Offer(1000)
		a.Acknowledge(1000)
	}
}
