package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"koflab/sim/collector"
	"koflab/sim/ledger"
)

// staleText stands for the staleness marker in VictoriaMetrics' export, which has
// null for NaN; no other NaN can be stored.
const staleText = "null"

// maxExportLine bounds one line of an answer, in bytes: a series or a record.
const maxExportLine = 256 << 20

// readLines asks a service inside a region's cluster, past the gateway, and calls f
// for each line of the answer, which is valid until the next.
func readLines(ctx context.Context, s *store, service, path string, args url.Values, f func([]byte) error) error {
	address := s.region.Addresses()[service]
	if address == "" {
		return fmt.Errorf("%s is not served", service)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+path, strings.NewReader(args.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", service, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return fmt.Errorf("%s answered %s: %s", service, resp.Status, bytes.TrimSpace(b))
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), maxExportLine)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := f(lines.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
	}
	return lines.Err()
}

// storedSeries is one series of an export.
type storedSeries struct {
	labels []byte  // a JSON object of strings
	times  []int64 // Unix milliseconds
	values []float64
}

// readSamples calls f for the raw samples of every series in [from, until), as they
// are stored. The series is valid until the next.
func readSamples(ctx context.Context, s *store, from, until time.Time, f func(*storedSeries) error) error {
	var series storedSeries
	return readLines(ctx, s, "vmselect", "/select/0/prometheus/api/v1/export", url.Values{
		"match[]": {`{__name__!=""}`},
		"start":   {strconv.FormatFloat(float64(from.UnixMilli())/1000, 'f', 3, 64)},
		"end":     {strconv.FormatFloat(float64(until.UnixMilli()-1)/1000, 'f', 3, 64)},
	}, func(line []byte) error {
		if err := series.parse(line); err != nil {
			return err
		}
		return f(&series)
	})
}

// parse reads a line {"metric":{...},"values":[...],"timestamps":[...]}.
func (s *storedSeries) parse(line []byte) error {
	const first, second = `,"values":[`, `],"timestamps":[`
	i, k := bytes.Index(line, []byte(first)), bytes.LastIndex(line, []byte(second))
	end := bytes.LastIndex(line, []byte("]}"))
	if !bytes.HasPrefix(line, []byte(`{"metric":`)) || i < 0 || k < i || end < k {
		return fmt.Errorf("a line of the export is not understood: %.120s", line)
	}
	s.labels = line[len(`{"metric":`):i]
	s.values, s.times = s.values[:0], s.times[:0]
	for text := range bytes.SplitSeq(line[i+len(first):k], []byte(",")) {
		v, err := parseValue(text)
		if err != nil {
			return err
		}
		s.values = append(s.values, v)
	}
	for text := range bytes.SplitSeq(line[k+len(second):end], []byte(",")) {
		t, err := strconv.ParseInt(unsafe.String(unsafe.SliceData(text), len(text)), 10, 64)
		if err != nil {
			return err
		}
		s.times = append(s.times, t)
	}
	if len(s.times) != len(s.values) {
		return fmt.Errorf("the export has %d values and %d times of a series", len(s.values), len(s.times))
	}
	return nil
}

func parseValue(text []byte) (float64, error) {
	s := unsafe.String(unsafe.SliceData(text), len(text))
	if s == staleText {
		return staleMarker, nil
	}
	return strconv.ParseFloat(strings.Trim(s, `"`), 64) // "Infinity"
}

// logsTime is how LogsQL takes times to the nanosecond.
const logsTime = "2006-01-02T15:04:05.000000000Z"

// readRows calls f for the rows of a LogsQL store in [from, until), JSON objects of
// strings. The row is valid until the next.
func readRows(ctx context.Context, s *store, service, filter string, from, until time.Time, f func([]byte) error) error {
	query := fmt.Sprintf("_time:[%s, %s) %s", from.UTC().Format(logsTime), until.UTC().Format(logsTime), filter)
	return readLines(ctx, s, service, "/select/logsql/query", url.Values{"query": {query}}, f)
}

// windows cuts [from, until) into parts with about so many records at most.
func windows(extents []collector.Extent, most int64, from, until time.Time) [][2]time.Time {
	slices.SortFunc(extents, func(a, b collector.Extent) int { return a.Oldest.Compare(b.Oldest) })
	var out [][2]time.Time
	begin, held := from, int64(0)
	for _, e := range extents {
		at := e.Oldest.Truncate(time.Millisecond)
		if held += e.Records; held > most && at.After(begin) && at.Before(until) {
			out = append(out, [2]time.Time{begin, at})
			begin, held = at, e.Records
		}
	}
	return append(out, [2]time.Time{begin, until})
}

// maxAhead is how far ahead of the clock a record may be that a store takes.
const maxAhead = 3 * 24 * time.Hour

// stretch is the windows in which a store has records. Where time goes on
// meanwhile the last ends where the offers did.
func (o *oracle) stretch(retention time.Duration, signal ledger.Signal, most int64) [][2]time.Time {
	var extents []collector.Extent
	for _, c := range o.clusters {
		extents = append(extents, c.offers.Extents(signal)...)
	}
	from, until := o.begun.Add(-retention), o.begun.Add(maxAhead)
	if epoch := time.Unix(0, 0).UTC(); retention <= 0 || from.Before(epoch) {
		from = epoch
	}
	if o.lab.clock.Speed() != 0 {
		until = o.begun
		for _, e := range extents {
			if e.Newest.After(until) {
				until = e.Newest
			}
		}
		until = until.Add(time.Millisecond)
	}
	return windows(extents, most, from.Truncate(time.Millisecond), until.Truncate(time.Millisecond))
}
