package metrics

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/golang/snappy"
)

// fuzzWrite sends arbitrary messages: the store must answer, and its ledger
// must balance with what lib/storage has taken.
func fuzzWrite(f *testing.F, path, contentType string, wrap func([]byte) []byte) {
	s := open(f, Options{})
	h := s.InsertHandler()
	f.Fuzz(func(t *testing.T, message []byte) {
		w := post(h, path, wrap(message), "Content-Type", contentType)
		switch w.Code {
		case http.StatusNoContent, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		default:
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if st := balanced(t, s); uint64(st.Stored) != s.libraryRows() {
			t.Fatalf("stored %d, the library has taken %d", st.Stored, s.libraryRows())
		}
	})
}

func compress(b []byte) []byte { return snappy.Encode(nil, b) }

func FuzzWriteV1(f *testing.F) {
	f.Add(encodeV1(at(noon, 1, "__name__", "m", "a", "b")))
	f.Add([]byte{0x0a, 0x00})
	f.Add([]byte{0x1a, 0x04, 0x12, 0x02, 'm', 'n'})
	fuzzWrite(f, writePath, typeV1, compress)
}

func FuzzWriteV2(f *testing.F) {
	f.Add(encodeV2(at(noon, 1, "__name__", "m", "a", "b")))
	f.Add(marshal(requestV2(noon.UnixMilli(), []string{"__name__", "m", "odd"})))
	f.Add([]byte{0x2a, 0x02, 0x1a, 0x00})
	fuzzWrite(f, writePath, typeV2, compress)
}

func FuzzSnappy(f *testing.F) {
	f.Add(compress(encodeV1(at(noon, 1, "__name__", "m"))))
	f.Add([]byte("\xff\xff\xff\xff\x0f"))
	fuzzWrite(f, writePath, typeV1, func(b []byte) []byte { return b })
}

func FuzzText(f *testing.F) {
	f.Add([]byte("# TYPE m counter\nm{a=\"b\\\"\"} 1e3 1700000000000\n"))
	f.Add([]byte("m NaN\n{} 1\nm{a=\"b\",} +Inf # {x=\"y\"} 1\n"))
	fuzzWrite(f, importPath, "text/plain", func(b []byte) []byte { return b })
}

// FuzzQuery sends arbitrary arguments to every endpoint: each answers with
// Prometheus' envelope, whatever it is asked.
func FuzzQuery(f *testing.F) {
	s := sampleStore(f, Options{MaxSamples: 10_000})
	h := s.SelectHandler()
	f.Add("query", "query=sum(rate(requests_total[5m]))&time=now&timeout=1&limit=1")
	f.Add("query_range", "query=ratio&start=0&end=100&step=1")
	f.Add("series", "match[]={a=~\"b\"}&start=1e300")
	f.Add("labels", "match[]=up&extra_filters[]={tenant=\"a\"}&extra_label=a=b")
	f.Add("label/a/values", "limit=-1")
	f.Add("status/tsdb", "date=2026-01-01&limit=5")
	f.Add("metadata", "metric=m&limit=x")
	f.Add("format_query", "query=1+%2B")
	f.Add("query_exemplars", "query=m&start=2&end=1")
	f.Fuzz(func(t *testing.T, endpoint, args string) {
		r := httptest.NewRequest(http.MethodGet, apiPath+"/labels", nil)
		r.URL.Path, r.URL.RawQuery = apiPath+"/"+endpoint, args
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code/100 == 3 { // the path was not clean
			return
		}
		if r.URL.Query().Get("semantics") == SemanticsKOF || w.Header().Get("Content-Type") != "application/json" {
			return // vmselect's own forms of answers
		}
		e := decode(t, w)
		if ok := e.Status == "success"; ok != (w.Code == http.StatusOK) || ok != (e.Error == "") {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	})
}
