package metrics

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	vmstorage "github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/jsonutil"
	"github.com/prometheus/prometheus/util/stats"
)

// apiError is an error as Prometheus' API reports it.
type apiError struct {
	kind   string // errorType
	status int
	err    error
}

// statusCanceled is what Prometheus answers to a client that went away.
const statusCanceled = 499

func badData(err error) *apiError  { return &apiError{"bad_data", http.StatusBadRequest, err} }
func internal(err error) *apiError { return &apiError{"internal", http.StatusInternalServerError, err} }

// classify gives an error of a query the type and status Prometheus gives it.
func classify(err error) *apiError {
	var (
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		broken   promql.ErrStorage
	)
	switch {
	case errors.Is(err, ErrClosed):
		return &apiError{"unavailable", http.StatusServiceUnavailable, err}
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, vmstorage.ErrDeadlineExceeded):
		return &apiError{"timeout", http.StatusServiceUnavailable, err}
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return &apiError{"canceled", statusCanceled, err}
	case errors.As(err, &broken):
		return internal(err)
	}
	return &apiError{"execution", http.StatusUnprocessableEntity, err}
}

// answer is the successful result of an endpoint.
type answer struct {
	data        any
	annotations annotations.Annotations
	query       string // for the positions in annotations
}

// queryData is the data of query and query_range.
type queryData struct {
	Type   parser.ValueType
	Result parser.Value
	Stats  stats.QueryStats
}

const maxAnnotations = 10

// respond writes an answer in Prometheus' envelope.
func respond(w http.ResponseWriter, a answer) {
	stream := jsoniter.ConfigCompatibleWithStandardLibrary.BorrowStream(nil)
	defer jsoniter.ConfigCompatibleWithStandardLibrary.ReturnStream(stream)
	stream.WriteRaw(`{"status":"success","data":`)
	switch data := a.data.(type) {
	case queryData:
		writeQueryData(stream, data)
	case []labels.Labels:
		writeArray(stream, data, func(ls labels.Labels) { writeLabels(stream, ls) })
	case []exemplar.QueryResult:
		writeArray(stream, data, func(r exemplar.QueryResult) { writeExemplars(stream, r) })
	default:
		stream.WriteVal(data)
	}
	warnings, infos := a.annotations.AsStrings(a.query, maxAnnotations, maxAnnotations)
	for _, list := range []struct {
		name  string
		items []string
	}{{`,"warnings":`, warnings}, {`,"infos":`, infos}} {
		if len(list.items) > 0 {
			stream.WriteRaw(list.name)
			stream.WriteVal(list.items)
		}
	}
	stream.WriteRaw("}")
	if stream.Error != nil {
		respondError(w, internal(stream.Error))
		return
	}
	send(w, http.StatusOK, stream.Buffer())
}

func respondError(w http.ResponseWriter, e *apiError) {
	body, err := jsoniter.ConfigCompatibleWithStandardLibrary.Marshal(struct {
		Status    string `json:"status"`
		ErrorType string `json:"errorType"`
		Error     string `json:"error"`
	}{"error", e.kind, e.err.Error()})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, e.status, body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone when this fails
}

// writeQueryData knows floats only: no query makes native histograms out of them.
func writeQueryData(s *jsoniter.Stream, d queryData) {
	s.WriteRaw(`{"resultType":`)
	s.WriteString(string(d.Type))
	s.WriteRaw(`,"result":`)
	switch v := d.Result.(type) {
	case promql.Vector:
		writeArray(s, v, func(p promql.Sample) {
			s.WriteRaw(`{"metric":`)
			writeLabels(s, p.Metric)
			s.WriteRaw(`,"value":`)
			writePoint(s, p.T, p.F)
			s.WriteRaw("}")
		})
	case promql.Matrix:
		writeArray(s, v, func(series promql.Series) { writeSeries(s, series) })
	case promql.Scalar:
		writePoint(s, v.T, v.V)
	case promql.String:
		s.WriteRaw("[")
		jsonutil.MarshalTimestamp(v.T, s)
		s.WriteRaw(",")
		s.WriteString(v.V)
		s.WriteRaw("]")
	default:
		s.WriteNil()
	}
	if d.Stats != nil {
		s.WriteRaw(`,"stats":`)
		s.WriteVal(d.Stats.Builtin())
	}
	s.WriteRaw("}")
}

func writeSeries(s *jsoniter.Stream, series promql.Series) {
	s.WriteRaw(`{"metric":`)
	writeLabels(s, series.Metric)
	if len(series.Floats) > 0 {
		s.WriteRaw(`,"values":`)
		writeArray(s, series.Floats, func(p promql.FPoint) { writePoint(s, p.T, p.F) })
	}
	s.WriteRaw("}")
}

func writeArray[T any](s *jsoniter.Stream, items []T, write func(T)) {
	s.WriteRaw("[")
	for i, item := range items {
		if i > 0 {
			s.WriteRaw(",")
		}
		write(item)
	}
	s.WriteRaw("]")
}

func writePoint(s *jsoniter.Stream, t int64, v float64) {
	s.WriteRaw("[")
	jsonutil.MarshalTimestamp(t, s)
	s.WriteRaw(",")
	jsonutil.MarshalFloat(v, s)
	s.WriteRaw("]")
}

func writeLabels(s *jsoniter.Stream, ls labels.Labels) {
	s.WriteRaw("{")
	first := true
	ls.Range(func(l labels.Label) {
		if !first {
			s.WriteRaw(",")
		}
		first = false
		s.WriteString(l.Name)
		s.WriteRaw(":")
		s.WriteString(l.Value)
	})
	s.WriteRaw("}")
}

func writeExemplars(s *jsoniter.Stream, r exemplar.QueryResult) {
	s.WriteRaw(`{"seriesLabels":`)
	writeLabels(s, r.SeriesLabels)
	s.WriteRaw(`,"exemplars":`)
	writeArray(s, r.Exemplars, func(e exemplar.Exemplar) {
		s.WriteRaw(`{"labels":`)
		writeLabels(s, e.Labels)
		s.WriteRaw(`,"value":`)
		jsonutil.MarshalFloat(e.Value, s)
		s.WriteRaw(`,"timestamp":`)
		jsonutil.MarshalTimestamp(e.Ts, s)
		s.WriteRaw("}")
	})
	s.WriteRaw("}")
}
