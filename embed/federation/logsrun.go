package federation

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	jsoniter "github.com/json-iterator/go"
)

// unlimited is a limit pipe that limits nothing. The library runs what follows a
// limit in one place, so it marks where the groups' work ends.
const unlimited = "limit 9223372036854775807"

// logsQuery is a LogsQL query over all groups.
type logsQuery struct {
	federator *Federator
	session   *session
	query     *logstorage.Query
	forwarded url.Values // arguments that the groups apply themselves
}

// errCut says that the query is to be cut before a pipe that needsAllRows.
var errCut = errors.New("cut before a pipe that needs all rows")

// needsAllRows reports whether the library's division of a query between groups
// and here does not do. The partial state of stats would have to pass in a form
// that only VictoriaLogs' own cluster protocol carries; facets drops the fields
// that are the same in all rows of one group.
func needsAllRows(pipe string) bool { return isPipe(pipe, "stats_remote") || isPipe(pipe, "facets") }

// run answers the query as if all groups' rows lay in one store. Blocks are
// written one at a time.
func (l *logsQuery) run(ctx context.Context, write logstorage.WriteDataBlockFunc) (err error) {
	defer func() {
		// The library panics where a peer of its own would never answer so.
		if p := recover(); p != nil {
			err = fmt.Errorf("the groups' answers do not fit the query: %v", p)
		}
	}()
	qctx := logstorage.NewQueryContext(ctx, &logstorage.QueryStats{}, []logstorage.TenantID{{}}, l.query, false, nil)
	return l.runContext(qctx, write)
}

// runContext is run for the query and for those nested in it, of which the
// library asks for the results over all groups.
func (l *logsQuery) runContext(qctx *logstorage.QueryContext, write logstorage.WriteDataBlockFunc) error {
	cut := false
	runner, err := logstorage.NewNetQueryRunner(qctx, l.runContext, func(worker uint, block *logstorage.DataBlock) {
		if !cut {
			write(worker, block)
		}
	})
	if err != nil {
		return err
	}
	var before []string // what the groups do
	err = runner.Run(qctx.Context, 1, func(stop <-chan struct{}, remote *logstorage.Query, writeRows logstorage.WriteDataBlockFunc) error {
		pipes := pieces(remote.String(), '|')
		if i := slices.IndexFunc(pipes, needsAllRows); i >= 0 {
			cut = true
			before = pipes[:i]
			return errCut
		}
		replies, err := l.fetch(qctx.Context, pipes, qctx.Query.GetTimestamp())
		writeBlocks(stop, replies, writeRows)
		return err
	})
	if errors.Is(err, errCut) {
		return l.runCut(qctx, before, write)
	}
	return err
}

// runCut answers a query that is cut after the pipes before. Where the results of
// the groups' stats combine, they make them; else they send the rows, with the
// fields that are needed.
func (l *logsQuery) runCut(qctx *logstorage.QueryContext, before []string, write logstorage.WriteDataBlockFunc) error {
	own := pieces(qctx.Query.String(), '|')
	stats, after := own[len(before)], own[len(before)+1:]
	at := qctx.Query.GetTimestamp()
	merged, ok := mergedStats(stats)
	if !ok {
		return l.runLocal(qctx, append([]string{stats}, after...), write, func(fields []string) ([]reply[[]logRow], error) {
			return l.fetch(qctx.Context, slices.Concat(before, fields), at)
		})
	}
	replies, err := l.fetch(qctx.Context, append(before, stats), at)
	if err != nil {
		return err
	}
	if len(replies) == 0 {
		merged = stats // of no rows: the sum of no counts is not 0 but no number
	}
	return l.runLocal(qctx, append([]string{merged}, after...), write, func([]string) ([]reply[[]logRow], error) { return replies, nil })
}

// runLocal runs pipes here over the rows that fetch returns, which is told the
// pipes that drop the fields nobody needs.
func (l *logsQuery) runLocal(qctx *logstorage.QueryContext, pipes []string, write logstorage.WriteDataBlockFunc, fetch func([]string) ([]reply[[]logRow], error)) error {
	text := joinPipes(append([]string{"*", unlimited}, pipes...)...)
	q, err := logstorage.ParseQueryAtTimestamp(text, qctx.Query.GetTimestamp())
	if err != nil {
		return fmt.Errorf("cannot evaluate %q here: %w", text, err)
	}
	if start, end := qctx.Query.GetFilterTimeRange(); start != math.MinInt64 || end != math.MaxInt64 {
		q.AddTimeFilter(start, end) // what rate() divides by
	}
	runner, err := logstorage.NewNetQueryRunner(qctx.WithQuery(q), l.runContext, write)
	if err != nil {
		return err
	}
	return runner.Run(qctx.Context, 1, func(stop <-chan struct{}, remote *logstorage.Query, writeRows logstorage.WriteDataBlockFunc) error {
		replies, err := fetch(slices.DeleteFunc(pieces(remote.String(), '|')[1:], func(p string) bool { return p == unlimited }))
		writeBlocks(stop, replies, writeRows)
		return err
	})
}

// fetch asks all groups for the pipes' rows. They are used only when all groups
// have answered or failed: a group that fails half-way has not answered at all.
func (l *logsQuery) fetch(ctx context.Context, pipes []string, at int64) ([]reply[[]logRow], error) {
	query := joinPipes(withRowMark(pipes)...)
	form := maps.Clone(l.forwarded)
	form.Set("query", query)
	// Relative times in the query count from there; vlselect takes off the nanosecond.
	form.Set("time", time.Unix(0, at+1).UTC().Format(time.RFC3339Nano))
	return collect(ctx, l.session, l.session.members, func(ctx context.Context, a *asked) ([]logRow, error) {
		a.push(query)
		return l.federator.fetchRows(ctx, a, request{signal: logsSignal, path: "/select/logsql/query", form: form, call: "logs_query"})
	})
}

// rowMark is a field that every row gets where it may have none left: JSON lines
// leave out fields without a value and rows without fields, which still count.
const rowMark = "_koflab_row"

// withRowMark appends the mark unless all pipes leave the rows whole.
func withRowMark(pipes []string) []string {
	for _, p := range pipes[1:] {
		name, _, _ := strings.Cut(p, " ")
		if !slices.Contains([]string{"sort", "limit", "offset", "filter", "first", "last"}, name) {
			return append(slices.Clone(pipes), `format "1" as `+rowMark)
		}
	}
	return pipes
}

// logRow is the fields of a row that have a value.
type logRow []logstorage.Field

// maxRow bounds a row of logs: VictoriaLogs keeps none above 2 MiB, which JSON
// may double.
const maxRow = 8 << 20

// fetchRows reads a group's JSON lines.
func (f *Federator) fetchRows(ctx context.Context, a *asked, q request) ([]logRow, error) {
	body, err := a.member.open(ctx, q)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	bounded := &boundedReader{r: body, limit: f.options.MaxResponseBytes}
	var rows []logRow
	scanner := bufio.NewScanner(bounded)
	scanner.Buffer(make([]byte, 0, 64<<10), maxRow)
	for err == nil && scanner.Scan() {
		line := bytes.TrimSpace(scanner.Bytes())
		if len(line) == 0 {
			continue
		}
		var row logRow
		if row, err = decodeRow(line); err != nil {
			err = fmt.Errorf("unreadable answer: %w", err)
		}
		rows = append(rows, row)
		if len(rows) > f.options.MaxSamples {
			err = &QueryError{Type: "execution", Err: fmt.Errorf("server group %s has more than %d rows: ask for less", a.member.Name, f.options.MaxSamples)}
		}
	}
	if err == nil {
		err = scanner.Err()
	}
	a.received(0, len(rows), bounded.n)
	return rows, err
}

// decodeRow reads one line: an object of strings.
func decodeRow(line []byte) (logRow, error) {
	var row logRow
	it := jsoniter.ParseBytes(jsoniter.ConfigDefault, line)
	it.ReadObjectCB(func(it *jsoniter.Iterator, name string) bool {
		value := ""
		if it.WhatIsNext() == jsoniter.StringValue {
			value = it.ReadString()
		} else {
			value = strings.TrimSpace(string(it.SkipAndReturnBytes()))
		}
		row = append(row, logstorage.Field{Name: name, Value: value})
		return it.Error == nil
	})
	if it.Error != nil {
		return nil, it.Error
	}
	return row, nil
}

const rowsPerBlock = 1024

// writeBlocks turns the groups' rows into the blocks of columns that pipes work
// on, group after group.
func writeBlocks(stop <-chan struct{}, replies []reply[[]logRow], write logstorage.WriteDataBlockFunc) {
	for _, r := range replies {
		for chunk := range slices.Chunk(r.data, rowsPerBlock) {
			select {
			case <-stop: // the pipes need no more rows
				return
			default:
			}
			write(0, newBlock(chunk))
		}
	}
}

func newBlock(rows []logRow) *logstorage.DataBlock {
	var block logstorage.DataBlock
	index := map[string]int{}
	column := func(name string) []string {
		i, ok := index[name]
		if !ok {
			i = len(block.Columns)
			index[name] = i
			block.Columns = append(block.Columns, logstorage.BlockColumn{Name: name, Values: make([]string, len(rows))})
		}
		return block.Columns[i].Values
	}
	for i, row := range rows {
		for _, f := range row {
			if f.Name != rowMark {
				column(f.Name)[i] = f.Value
			}
		}
	}
	if len(block.Columns) == 0 {
		column("_msg") // a block has the rows of its columns
	}
	return &block
}
