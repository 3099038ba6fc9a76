package logstore

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type fieldList []logstorage.Field

func fieldsOf(pairs ...string) fieldList {
	var fields fieldList
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, logstorage.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return fields
}

func TestBatchLimits(t *testing.T) {
	many := func(n int) (fields fieldList) {
		for i := range n {
			fields = append(fields, logstorage.Field{Name: fmt.Sprint("f", i), Value: "x"})
		}
		return fields
	}
	s := open(t, Options{MaxRowBytes: 1000, MaxFieldsPerRow: 20})
	stored := 0
	for name, tc := range map[string]struct {
		fields fieldList
		want   Reason
	}{
		"as many fields as allowed": {many(20), ""},
		"one field more":            {many(21), TooManyFields},
		"longest name":              {fieldsOf(strings.Repeat("n", 128), "x"), ""},
		"a longer name":             {fieldsOf(strings.Repeat("n", 129), "x"), LongName},
		"a long row":                {fieldsOf("_msg", strings.Repeat("x", 900)), ""},
		"a longer row":              {fieldsOf("_msg", strings.Repeat("x", 1000)), TooLong},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.NewBatch(InsertArgs{}, "")
			require.Equal(t, tc.want == "", b.Add(start.UnixNano(), tc.fields, 0))
			if tc.want == "" {
				stored++
				require.Empty(t, b.Dropped())
			} else {
				require.Equal(t, map[Reason]int64{tc.want: 1}, b.Dropped())
			}
			require.NoError(t, s.Commit(b))
			require.Equal(t, stored, count(t, s, "*"))
		})
	}
	b := s.NewBatch(InsertArgs{}, "")
	b.Reject()
	require.NoError(t, s.Commit(b))
	st := s.Stats()
	require.EqualValues(t, 7, st.Received)
	require.EqualValues(t, stored, st.Stored)
	require.Equal(t, map[Reason]int64{TooManyFields: 1, LongName: 1, TooLong: 1, Malformed: 1}, st.Dropped)
}

func TestBatchFields(t *testing.T) {
	for name, tc := range map[string]struct {
		args      InsertArgs
		fields    fieldList
		streamLen int
		want      string // a filter that finds exactly the row
	}{
		"the first of a name wins":     {InsertArgs{}, fieldsOf("a", "1", "a", "2"), 1, `{a="1"} a:=1`},
		"extra fields win":             {InsertArgs{ExtraFields: fieldsOf("tenant", "T")}, fieldsOf("tenant", "T", "tenant", "U"), 1, `{tenant="T"} tenant:=T`},
		"ignored fields are left out":  {InsertArgs{IgnoreFields: []string{"a", "b*"}}, fieldsOf("a", "1", "b1", "2", "c", "3"), 1, `a:="" b1:="" c:=3`},
		"extra fields are not ignored": {InsertArgs{ExtraFields: fieldsOf("tenant", "T"), IgnoreFields: []string{"ten*"}}, fieldsOf("tenant", "T"), 1, `{tenant="T"} tenant:=T`},
		"the storage's own names":      {InsertArgs{}, fieldsOf("_stream_id", "x", "_stream", "y", "_time", "z", "a", "1"), 0, `_stream:{} _time:2026-03-02T12 a:=1`},
		"a default message":            {InsertArgs{}, fieldsOf("_msg", "", "a", "1"), 0, `_msg:="none"`},
		"a stream too large to index":  {InsertArgs{}, fieldsOf("a", "1", "b", strings.Repeat("x", 40<<10)), 2, `{a="1",b=""} b:len_range(40960,40960)`},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			b := s.NewBatch(tc.args, "none")
			require.True(t, b.Add(start.UnixNano(), tc.fields, tc.streamLen))
			require.NoError(t, s.Commit(b))
			require.Equal(t, 1, count(t, s, tc.want))
		})
	}
}

func TestIndexRowsAreApart(t *testing.T) {
	s := open(t, Options{})
	b := s.NewBatch(InsertArgs{}, "")
	b.AddIndex(start.UnixNano(), fieldsOf("i", "1", "id", "x"), 1)
	b.Add(start.UnixNano(), fieldsOf("a", "1"), 1)
	require.NoError(t, s.Commit(b))
	require.Equal(t, 1, count(t, s, "*"))
	require.Zero(t, count(t, s, "id:x"))
	require.EqualValues(t, 1, s.Stats().Received)
	q, err := s.NewQuery("id:=x", nil)
	require.NoError(t, err)
	var found atomic.Int64
	require.NoError(t, s.RunIndex(t.Context(), q.Query, func(_ uint, b *logstorage.DataBlock) { found.Add(int64(b.RowsCount())) }))
	require.EqualValues(t, 1, found.Load())
}

// However many different fields rows have: no row is lost without being
// counted. The library leaves rows out of blocks with too many columns, at
// once or in a later merge.
func TestRowsOfManyNames(t *testing.T) {
	s := open(t, Options{})
	var total int64
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 2).Draw(rt, "requests") {
			b := s.NewBatch(InsertArgs{}, "")
			for range rapid.IntRange(1, 4).Draw(rt, "rows") {
				first := rapid.IntRange(0, 5000).Draw(rt, "first")
				n := rapid.IntRange(1, maxRowFields+10).Draw(rt, "fields")
				row := fieldsOf("app", "one")
				for i := range n - 1 {
					row = append(row, logstorage.Field{Name: fmt.Sprint("f", first+i), Value: "x"})
				}
				b.Add(start.UnixNano(), row, 1)
				total++
			}
			if err := s.Commit(b); err != nil {
				rt.Fatal(err)
			}
		}
		st := s.Stats()
		if st.Received != total || st.Received != st.Stored+st.Dropped[TooManyFields]+st.Dropped[TooManyNames] {
			rt.Fatalf("of %d rows: %+v", total, st)
		}
	})
	require.Eventually(t, func() bool { return int64(count(t, s, "*")) == s.Stats().Stored }, 10*time.Second, time.Millisecond)
	// Whatever was drawn above: rows that share no name cannot share a block.
	for i := 0; s.Stats().Dropped[TooManyNames] == 0; i++ {
		require.Less(t, i, 20)
		b := s.NewBatch(InsertArgs{}, "")
		for j := range 4 {
			row := fieldsOf("app", "one")
			for k := range 900 {
				row = append(row, logstorage.Field{Name: fmt.Sprint("g", (4*i+j)*900+k), Value: "x"})
			}
			b.Add(start.UnixNano(), row, 1)
		}
		require.NoError(t, s.Commit(b))
	}
}
