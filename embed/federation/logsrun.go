package federation

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
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

// errStats says that the query was cut at a stats pipe, whose partial state the
// library would pass in a form that only its own cluster protocol carries.
var errStats = errors.New("cut at a stats pipe")

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
	var before []string // what the groups do before the stats pipe
	err = runner.Run(qctx.Context, 1, func(stop <-chan struct{}, remote *logstorage.Query, writeRows logstorage.WriteDataBlockFunc) error {
		pipes := pieces(remote.String(), '|')
		if i := slices.IndexFunc(pipes, func(p string) bool { return isPipe(p, "stats_remote") }); i >= 0 {
			cut = true
			before = pipes[:i]
			return errStats
		}
		return l.fetch(qctx.Context, stop, remote.String(), qctx.Query.GetTimestamp(), writeRows)
	})
	if errors.Is(err, errStats) {
		return l.runStats(qctx, before, write)
	}
	return err
}

// runStats answers a query whose stats pipe follows the pipes before it. Where
// the results of the groups combine, they make them; else they send the rows,
// with the fields that are needed.
func (l *logsQuery) runStats(qctx *logstorage.QueryContext, before []string, write logstorage.WriteDataBlockFunc) error {
	own := pieces(qctx.Query.String(), '|')
	stats, after := own[len(before)], own[len(before)+1:]
	local := joinPipes(append([]string{"*", unlimited, stats}, after...)...)
	if merged, ok := mergedStats(stats); ok {
		before = append(before, stats)
		local = joinPipes(append([]string{"*", unlimited, merged}, after...)...)
	}
	at := qctx.Query.GetTimestamp()
	q, err := logstorage.ParseQueryAtTimestamp(local, at)
	if err != nil {
		return fmt.Errorf("cannot evaluate %q here: %w", local, err)
	}
	runner, err := logstorage.NewNetQueryRunner(qctx.WithQuery(q), l.runContext, write)
	if err != nil {
		return err
	}
	return runner.Run(qctx.Context, 1, func(stop <-chan struct{}, remote *logstorage.Query, writeRows logstorage.WriteDataBlockFunc) error {
		fields := slices.DeleteFunc(pieces(remote.String(), '|')[1:], func(p string) bool { return p == unlimited })
		return l.fetch(qctx.Context, stop, joinPipes(append(before, fields...)...), at, writeRows)
	})
}

// fetch asks all groups for a query and writes their rows, group by group once
// all have answered: a group that fails half-way has not answered at all.
func (l *logsQuery) fetch(ctx context.Context, stop <-chan struct{}, query string, at int64, write logstorage.WriteDataBlockFunc) error {
	form := maps.Clone(l.forwarded)
	form.Set("query", query)
	// Relative times in the query count from there; vlselect takes off the nanosecond.
	form.Set("time", time.Unix(0, at+1).UTC().Format(time.RFC3339Nano))
	replies, err := collect(ctx, l.session, l.session.members, func(ctx context.Context, a *asked) ([]logRow, error) {
		a.push(query)
		return l.federator.fetchRows(ctx, a, request{signal: logsSignal, path: "/select/logsql/query", form: form, call: "logs_query"})
	})
	if err != nil {
		return err
	}
	for _, r := range replies {
		writeBlocks(stop, r.data, write)
	}
	return nil
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

// writeBlocks turns rows into the blocks of columns that pipes work on.
func writeBlocks(stop <-chan struct{}, rows []logRow, write logstorage.WriteDataBlockFunc) {
	for chunk := range slices.Chunk(rows, rowsPerBlock) {
		select {
		case <-stop: // the pipes need no more rows
			return
		default:
		}
		var block logstorage.DataBlock
		index := map[string]int{}
		for i, row := range chunk {
			for _, f := range row {
				c, ok := index[f.Name]
				if !ok {
					c = len(block.Columns)
					index[f.Name] = c
					block.Columns = append(block.Columns, logstorage.BlockColumn{Name: f.Name, Values: make([]string, len(chunk))})
				}
				block.Columns[c].Values[i] = f.Value
			}
		}
		write(0, &block)
	}
}
