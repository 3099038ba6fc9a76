package metrics

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/value"
	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

func TestRequestsThatAreRefused(t *testing.T) {
	s := open(t, Options{})
	good := snappy.Encode(nil, encodeV1(at(noon, 1, "__name__", "m")))
	f := func(name string, status int, message, target string, body []byte, headers ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			before := s.Stats()
			w := post(s.InsertHandler(), target, body, headers...)
			require.Equal(t, status, w.Code, w.Body.String())
			require.Contains(t, w.Body.String(), message)
			after := s.Stats()
			require.Equal(t, before.Received, after.Received, "a refused request leaves no trace")
			if status != http.StatusNotFound {
				require.Equal(t, before.Refused+1, after.Refused)
			}
		})
	}
	bomb := func(n int) []byte { return snappy.Encode(nil, make([]byte, n)) }
	f("json", 415, "application/x-protobuf", writePath, good, "Content-Type", "application/json")
	f("unknown message", 415, "prometheus.WriteRequest", writePath, good, "Content-Type", "application/x-protobuf;proto=v3")
	f("broken content type", 415, "application/x-protobuf", writePath, good, "Content-Type", "application/x-protobuf;;=")
	f("gzip", 415, "only snappy", writePath, good, "Content-Type", typeV1, "Content-Encoding", "gzip")
	f("not snappy", 400, "snappy", writePath, []byte("\xff\xff\xff\xff\xff\xff"), "Content-Type", typeV1)
	f("snappy cut off", 400, "snappy", writePath, good[:len(good)-3], "Content-Type", typeV1)
	f("v1: not protobuf", 400, "malformed protobuf", writePath, snappy.Encode(nil, []byte("hello")), "Content-Type", typeV1)
	f("v2: not protobuf", 400, "malformed protobuf", writePath, snappy.Encode(nil, []byte("hello")), "Content-Type", typeV2)
	f("too large compressed", 413, "larger than 32 MiB", writePath, make([]byte, maxBodyBytes+1), "Content-Type", typeV1)
	f("too large decompressed", 413, "more than 64 MiB", writePath, bomb(maxDecodedBytes+1), "Content-Type", typeV1)
	f("extra_label", 400, "want name=value", writePath+"?extra_label=x", good, "Content-Type", typeV1)
	f("text", 400, "cannot", importPath, []byte("a 1\nb{ 2\n"))
	f("text, odd timestamp", 400, "want Unix milliseconds", importPath+"?timestamp=now", []byte("a 1"))
	f("text, not gzip", 400, "not gzip", importPath, []byte("a 1"), "Content-Encoding", "gzip")
	f("text, deflate", 415, "only gzip", importPath, []byte("a 1"), "Content-Encoding", "deflate")
	f("unknown path", 404, "", insertPrefix+"/api/v1/nothing", good)
}

func TestGETIsNotAWrite(t *testing.T) {
	s := open(t, Options{})
	w := httptest.NewRecorder()
	s.InsertHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, writePath, nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

// A tiny body must not expand to more than the process can hold.
func TestExpansionIsBounded(t *testing.T) {
	s := open(t, Options{})
	long := strings.Repeat("x", maxLabelValueBytes)
	var points []point
	for range 10_000 {
		points = append(points, at(noon, 1, "__name__", "m", "a", long, "b", long, "c", long, "d", long))
	}
	w := post(s.InsertHandler(), writePath, snappy.Encode(nil, encodeV2(points...)), "Content-Type", typeV2)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Contains(t, w.Body.String(), "send it in parts")
	require.Zero(t, balanced(t, s).Received)
}

func TestDrops(t *testing.T) {
	labelled := func(n int) point {
		p := at(noon, 1, "__name__", "m")
		for i := range n - 1 {
			p.labels["l"+strings.Repeat("x", i)] = "v"
		}
		return p
	}
	f := func(name, reason, message string, p point) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{Retention: 30 * 24 * time.Hour})
			good := at(noon, 1, "__name__", "good")

			w := post(s.InsertHandler(), writePath, snappy.Encode(nil, encodeV2(good, p)), "Content-Type", typeV2)
			written := "2"
			if reason != "" {
				written = "1"
				require.Equal(t, http.StatusBadRequest, w.Code)
				require.Contains(t, w.Body.String(), message)
			} else {
				require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
			}
			require.Equal(t, written, w.Header().Get("X-Prometheus-Remote-Write-Samples-Written"))

			w = post(s.InsertHandler(), writePath, snappy.Encode(nil, encodeV1(good, p)), "Content-Type", typeV1)
			want := http.StatusNoContent // as VictoriaMetrics answers when the storage cannot take a sample
			if reason == ReasonInvalidLabels {
				want = http.StatusBadRequest
			}
			require.Equal(t, want, w.Code, w.Body.String())
			require.Empty(t, w.Header().Get("X-Prometheus-Remote-Write-Samples-Written"), "v1 has no such header")

			st := balanced(t, s)
			require.EqualValues(t, 4, st.Received)
			if reason != "" {
				require.Equal(t, map[string]int64{reason: 2}, st.Dropped)
			}
			require.Len(t, instant(t, s, "good"), 1, "the rest of the request is stored")
			require.EqualValues(t, st.Stored, s.libraryRows(), "the library stored what the ledger says")
		})
	}
	day := 24 * time.Hour
	f("valid", "", "", at(noon, 1, "__name__", "m", "a", "b"))
	f("60 labels", "", "", labelled(60))
	f("61 labels", ReasonTooManyLabels, "61 labels, at most 60", labelled(61))
	f("label name of 256 bytes", "", "", at(noon, 1, "__name__", "m", strings.Repeat("n", 256), "v"))
	f("label name of 257 bytes", ReasonTooLongLabelName, "257 bytes", at(noon, 1, "__name__", "m", strings.Repeat("n", 257), "v"))
	f("label value of 4 KiB", "", "", at(noon, 1, "__name__", "m", "a", strings.Repeat("v", 4096)))
	f("label value above 4 KiB", ReasonTooLongLabelValue, "4097 bytes", at(noon, 1, "__name__", "m", "a", strings.Repeat("v", 4097)))
	f("NaN", ReasonNaN, "NaN", at(noon, math.NaN(), "__name__", "m"))
	f("stale marker", "", "", at(noon, math.Float64frombits(value.StaleNaN), "__name__", "m"))
	f("infinite", "", "", at(noon, math.Inf(-1), "__name__", "m"))
	f("ten minutes late", "", "", at(noon.Add(-10*time.Minute), 1, "__name__", "m"))
	f("within the retention", "", "", at(noon.Add(-30*day), 1, "__name__", "m"))
	f("beyond the retention", ReasonSmallTimestamp, "older than the retention", at(noon.Add(-30*day-1), 1, "__name__", "m"))
	f("a day ahead", "", "", at(noon.Add(day), 1, "__name__", "m"))
	f("three days ahead", ReasonBigTimestamp, "too far in the future", at(noon.Add(3*day), 1, "__name__", "m"))
	f("no metric name", ReasonInvalidLabels, "no metric name", at(noon, 1, "a", "b"))
	f("empty metric name", ReasonInvalidLabels, "no metric name", at(noon, 1, "__name__", "", "a", "b"))
	f("label without a name", ReasonInvalidLabels, "no name", at(noon, 1, "__name__", "m", "", "b"))
	f("label not UTF-8", ReasonInvalidLabels, "not valid UTF-8", at(noon, 1, "__name__", "m", "a", "\xff"))
	f("names with dots and spaces", "", "", at(noon, 1, "__name__", "http.requests total", "a.b", "c"))
}

// Lab time decides what is too old or too new, not the machine's.
func TestWindowFollowsTheClock(t *testing.T) {
	lab := clock.NewVirtual(noon.Add(-100 * 24 * time.Hour))
	s := open(t, Options{Clock: lab, Retention: 30 * 24 * time.Hour})
	write(t, s, at(lab.Now(), 1, "__name__", "m"), at(noon, 2, "__name__", "future"))
	require.Equal(t, map[string]int64{ReasonBigTimestamp: 1}, balanced(t, s).Dropped)
	require.Equal(t, []string{`{__name__="m"} 1`}, instant(t, s, "m"))

	lab.Advance(29 * 24 * time.Hour)
	require.Equal(t, []string{`{} 1`}, instant(t, s, "sum(count_over_time(m[60d]))"))
	lab.Advance(2 * 24 * time.Hour)
	require.Empty(t, instant(t, s, "sum(count_over_time(m[60d]))"), "the retention has passed")
}

func TestLabelsAreCompleted(t *testing.T) {
	f := func(want, query string, p point) {
		t.Helper()
		s := open(t, Options{})
		body := snappy.Encode(nil, encodeV2(p))
		w := post(s.InsertHandler(), writePath+"?"+query, body, "Content-Type", typeV2)
		require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
		require.Equal(t, []string{want + " 1"}, instant(t, s, `{__name__=~".+"}`))
	}
	f(`{__name__="m"}`, "", at(noon, 1, "__name__", "m", "empty", ""))
	f(`{__name__="m", tenant="a"}`, "extra_label=tenant=a", at(noon, 1, "__name__", "m"))
	f(`{__name__="m", tenant="a"}`, "extra_label=tenant=a", at(noon, 1, "__name__", "m", "tenant", "b"))
	f(`{__name__="m", a="x=y", z="1"}`, "extra_label=z=1&extra_label=a=x=y", at(noon, 1, "__name__", "m", "z", "0"))
	f(`{__name__="m"}`, "extra_label=tenant=", at(noon, 1, "__name__", "m", "tenant", "b"))
}

func TestUnsortedAndDuplicateLabels(t *testing.T) {
	s := open(t, Options{})
	d := s.newDelivery(nil)
	defer d.release()
	err := d.decodeV2(marshal(requestV2(noon.UnixMilli(),
		[]string{"z", "1", "__name__", "unsorted", "a", "2"},
		[]string{"a", "1", "__name__", "twice", "a", "1"},
	)))
	require.NoError(t, err)
	d.commit()
	require.ErrorContains(t, d.invalid.err(), `label "a" is given twice`)
	require.Equal(t, []string{`{__name__="unsorted", a="2", z="1"} 1`}, instant(t, s, `{__name__=~".+"}`))
	require.Equal(t, map[string]int64{ReasonInvalidLabels: 1}, balanced(t, s).Dropped)
}

func TestTextImport(t *testing.T) {
	text := "# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n" +
		"http_requests_total{code=\"200\",path=\"/a\\\"b\"} 3 " + "\n" +
		"up 1 1700000000000\n\n"
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	past := clock.NewVirtual(time.UnixMilli(1700000000000))

	f := func(body []byte, headers ...string) {
		t.Helper()
		s := open(t, Options{Clock: past})
		w := post(s.InsertHandler(), importPath+"?extra_label=tenant=t", body, headers...)
		require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
		require.Equal(t, []string{
			`{__name__="http_requests_total", code="200", path="/a\"b", tenant="t"} 3`,
			`{__name__="up", tenant="t"} 1`,
		}, instant(t, s, `{__name__=~".+"}`))
		require.JSONEq(t, `{"http_requests_total":[{"type":"counter","unit":"","help":"Requests."}]}`, string(decode(t, get(s, "/metadata")).Data))
	}
	f([]byte(text))
	f(zipped.Bytes(), "Content-Encoding", "gzip")
}

func TestTextWithOwnTimestamp(t *testing.T) {
	s := open(t, Options{})
	w := post(s.InsertHandler(), importPath+"?timestamp="+formatMillis(noon.Add(-time.Hour)), []byte("m 5"))
	require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
	require.Empty(t, instant(t, s, "m"))
	require.Equal(t, []string{`{__name__="m"} 5`}, instant(t, s, "m offset 1h"))
}

func TestGzipBombIsRefused(t *testing.T) {
	s := open(t, Options{})
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	chunk := bytes.Repeat([]byte("# \n"), 1<<20)
	for n := 0; n <= maxDecodedBytes; n += len(chunk) {
		_, _ = z.Write(chunk)
	}
	require.NoError(t, z.Close())
	w := post(s.InsertHandler(), importPath, zipped.Bytes(), "Content-Encoding", "gzip")
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
}

func TestBodyThatBreaksOff(t *testing.T) {
	s := open(t, Options{})
	r := httptest.NewRequest(http.MethodPost, importPath, brokenReader{})
	w := httptest.NewRecorder()
	s.InsertHandler().ServeHTTP(w, r)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), "connection reset")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestWaitingWriterGivesUpWithItsRequest(t *testing.T) {
	s := open(t, Options{})
	for range cap(s.writers) {
		s.writers <- struct{}{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequest(http.MethodPost, importPath, strings.NewReader("m 1")).WithContext(ctx)
	s.InsertHandler().ServeHTTP(httptest.NewRecorder(), r)
	for range cap(s.writers) {
		<-s.writers
	}
	st := balanced(t, s)
	require.Zero(t, st.Received)
	require.EqualValues(t, 1, st.Refused)
}

func TestOutOfOrderAndDuplicateSamples(t *testing.T) {
	s := open(t, Options{})
	series := []string{"__name__", "m"}
	for _, seconds := range []int{30, 10, 20, 10} {
		write(t, s, at(noon.Add(-time.Duration(seconds)*time.Second), float64(seconds), series...))
	}
	require.Equal(t, []string{`{} 3`}, instant(t, s, "count_over_time(m[1m])"))
	require.Equal(t, []string{`{} 60`}, instant(t, s, "sum_over_time(m[1m])"))
	require.Equal(t, []string{`{__name__="m"} 10`}, instant(t, s, "m"))
}

func TestStaleMarkerEndsASeries(t *testing.T) {
	s := open(t, Options{})
	write(t, s, at(noon.Add(-time.Minute), 1, "__name__", "m"))
	require.Len(t, instant(t, s, "m"), 1)
	write(t, s, at(noon, math.Float64frombits(value.StaleNaN), "__name__", "m"))
	require.Empty(t, instant(t, s, "m"))
	require.Empty(t, instant(t, s, "m", "semantics", "kof"))
	require.Len(t, instant(t, s, "m offset 1s"), 1)
}

func TestDedupOnRead(t *testing.T) {
	s := open(t, Options{DedupInterval: time.Minute})
	for i := range 12 { // two replicas' worth in three minutes
		write(t, s, at(noon.Add(-time.Duration(i)*15*time.Second), float64(i), "__name__", "m"))
	}
	require.Equal(t, []string{`{} 3`}, instant(t, s, "count_over_time(m[165s] @ "+formatSeconds(noon)+")"))
	require.EqualValues(t, 12, balanced(t, s).Stored)
}
