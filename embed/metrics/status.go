package metrics

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	vmstorage "github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/promql/parser"
)

// tsdbStat counts something per name.
type tsdbStat struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// tsdbStatus has the form of Prometheus' answer; what lib/storage does not
// know (chunks, bytes per label) is 0 or empty.
type tsdbStatus struct {
	HeadStats                   headStats  `json:"headStats"`
	SeriesCountByMetricName     []tsdbStat `json:"seriesCountByMetricName"`
	LabelValueCountByLabelName  []tsdbStat `json:"labelValueCountByLabelName"`
	MemoryInBytesByLabelName    []tsdbStat `json:"memoryInBytesByLabelName"`
	SeriesCountByLabelValuePair []tsdbStat `json:"seriesCountByLabelValuePair"`
}

type headStats struct {
	NumSeries     uint64 `json:"numSeries"`
	NumLabelPairs uint64 `json:"numLabelPairs"`
	ChunkCount    int64  `json:"chunkCount"`
	MinTime       int64  `json:"minTime"`
	MaxTime       int64  `json:"maxTime"`
}

const (
	defaultTSDBLimit = 10
	maxTSDBLimit     = 10_000
)

// serveTSDBStatus shows the cardinality of the current day, or of the
// argument date (YYYY-MM-DD, as vmselect has it).
func serveTSDBStatus(rd *request) (answer, *apiError) {
	limit := defaultTSDBLimit
	if arg := rd.r.FormValue("limit"); arg != "" {
		n, err := strconv.Atoi(arg)
		switch {
		case err != nil || n < 1:
			return answer{}, badData(errors.New("limit must be a positive number"))
		case n > maxTSDBLimit:
			return answer{}, badData(fmt.Errorf("limit must not exceed %d", maxTSDBLimit))
		}
		limit = n
	}
	day := rd.opts.Clock.Now().UTC().Truncate(24 * time.Hour)
	if arg := rd.r.FormValue("date"); arg != "" {
		t, err := time.Parse(time.DateOnly, arg)
		if err != nil || t.Unix() < 0 {
			return answer{}, badData(fmt.Errorf("invalid parameter %q: %q: want YYYY-MM-DD", "date", arg))
		}
		day = t
	}
	st, err := rd.tsdbStatus(day, limit)
	if err != nil {
		return answer{}, classify(rd.searchError(err))
	}
	return answer{data: tsdbStatus{
		HeadStats: headStats{
			NumSeries: st.TotalSeries, NumLabelPairs: st.TotalLabelValuePairs,
			MinTime: day.UnixMilli(), MaxTime: day.Add(24*time.Hour).UnixMilli() - 1,
		},
		SeriesCountByMetricName:     topEntries(st.SeriesCountByMetricName),
		LabelValueCountByLabelName:  topEntries(st.LabelValueCountByLabelName),
		MemoryInBytesByLabelName:    []tsdbStat{},
		SeriesCountByLabelValuePair: topEntries(st.SeriesCountByLabelValuePair),
	}}, nil
}

func (rd *request) tsdbStatus(day time.Time, limit int) (*vmstorage.TSDBStatus, error) {
	var filters []*vmstorage.TagFilters // none: all series, without a search
	if len(rd.view.sets) > 0 {
		var err error
		if filters, err = rd.view.tagFilters(nil); err != nil {
			return nil, err
		}
		if len(filters) == 0 {
			return &vmstorage.TSDBStatus{}, nil
		}
	}
	rd.flush()
	return rd.vm.GetTSDBStatus(nil, filters, uint64(day.Unix()/86400), "", limit, rd.opts.MaxSeries, rd.searchDeadline(rd.r.Context()))
}

func topEntries(entries []vmstorage.TopHeapEntry) []tsdbStat {
	out := make([]tsdbStat, 0, len(entries))
	for _, e := range entries {
		out = append(out, tsdbStat{Name: e.Name, Value: e.Count})
	}
	return out
}

// serveMetadata shows what senders said about their metrics; a confined reader
// sees the families it has series of.
func serveMetadata(rd *request) (answer, *apiError) {
	limit := -1
	if arg := rd.r.FormValue("limit"); arg != "" {
		var err error
		if limit, err = strconv.Atoi(arg); err != nil {
			return answer{}, badData(errors.New("limit must be a number"))
		}
	}
	if arg := rd.r.FormValue("limit_per_metric"); arg != "" {
		if _, err := strconv.Atoi(arg); err != nil {
			return answer{}, badData(errors.New("limit_per_metric must be a number"))
		}
	}
	visible, apiErr := rd.visibleFamilies()
	if apiErr != nil {
		return answer{}, apiErr
	}
	metric := rd.r.FormValue("metric")
	found := rd.metadata.get(func(family string) bool {
		return (metric == "" || metric == family) && visible(family)
	})
	families := make([]string, 0, len(found))
	for family := range found {
		families = append(families, family)
	}
	slices.Sort(families)
	if limit >= 0 {
		families = families[:min(limit, len(families))]
	}
	data := map[string][]metadata.Metadata{}
	for _, family := range families {
		data[family] = []metadata.Metadata{found[family]}
	}
	return answer{data: data}, nil
}

// visibleFamilies tells which metric families the view has series of.
func (rd *request) visibleFamilies() (func(string) bool, *apiError) {
	if len(rd.view.sets) == 0 {
		return func(string) bool { return true }, nil
	}
	q, err := rd.view.Querier(millis(minTime), millis(maxTime))
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = q.Close() }()
	names, _, err := q.LabelValues(rd.r.Context(), model.MetricNameLabel, nil)
	if err != nil {
		return nil, classify(err)
	}
	families := map[string]bool{}
	for _, name := range names {
		families[name] = true
		for _, suffix := range histogramSuffixes {
			if family, ok := strings.CutSuffix(name, suffix); ok {
				families[family] = true
			}
		}
	}
	return func(family string) bool { return families[family] }, nil
}

// serveExemplars shows the exemplars of the series a query selects.
func serveExemplars(rd *request) (answer, *apiError) {
	start, end := rd.window()
	if rd.err == nil && end.Before(start) {
		rd.err = badData(errors.New("end timestamp must not be before start timestamp"))
	}
	if rd.err != nil {
		return answer{}, rd.err
	}
	expr, err := rd.parser.ParseExpr(rd.r.FormValue("query"))
	if err != nil {
		return answer{}, badData(err)
	}
	selectors := parser.ExtractSelectors(expr)
	if len(selectors) == 0 {
		return answer{data: []exemplar.QueryResult{}}, nil
	}
	return answer{data: rd.exemplars.find(millis(start), millis(end), rd.matchers(selectors))}, nil
}

// serveFormatQuery shows a query in Prometheus' canonical layout.
func serveFormatQuery(rd *request) (answer, *apiError) {
	expr, err := rd.parser.ParseExpr(rd.r.FormValue("query"))
	if err != nil {
		return answer{}, badData(fmt.Errorf("invalid parameter %q: %w", "query", err))
	}
	return answer{data: expr.Pretty(0)}, nil
}

// buildInfo is read by Grafana to choose among the API's variants, so it
// names the Prometheus version whose API this is.
type buildInfo struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	Branch    string `json:"branch"`
	BuildUser string `json:"buildUser"`
	BuildDate string `json:"buildDate"`
	GoVersion string `json:"goVersion"`
}

// apiVersion is that of the Prometheus library in go.mod (v0.315 is 3.15).
const apiVersion = "3.15.0"

func serveBuildInfo(*request) (answer, *apiError) {
	return answer{data: buildInfo{Version: apiVersion, Branch: "koflab", GoVersion: runtime.Version()}}, nil
}
