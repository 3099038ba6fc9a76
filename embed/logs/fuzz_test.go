package logs

import (
	"testing"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"koflab/embed/logstore"
	"koflab/sim/clock"
)

// fuzzStore is a store for decoders that commit nothing.
func fuzzStore(f *testing.F) *Store {
	s, err := Open(Options{Dir: f.TempDir(), Clock: clock.NewVirtual(start)})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Close()) })
	return s
}

var fuzzArgs = logstore.InsertArgs{
	StreamFields: []string{"a", "service.name"}, MessageFields: []string{"b"}, TimeFields: []string{"_time", "t"},
	IgnoreFields: []string{"i*"}, ExtraFields: []logstorage.Field{{Name: "tenant", Value: "T"}},
}

// FuzzOTLP makes sure that the decoder survives anything, and that it accepts
// what pdata accepts with the same number of records.
func FuzzOTLP(f *testing.F) {
	s := fuzzStore(f)
	// Small seeds: the fuzzer takes long to minimise large ones.
	for _, seed := range []string{
		`{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}}]},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[{"timeUnixNano":"1772452740000000001","severityNumber":9,"body":{"stringValue":"m"},"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}]}]}]}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}]}}}]}]}]}`,
	} {
		request := plogotlp.NewExportRequest()
		require.NoError(f, request.UnmarshalJSON([]byte(seed)))
		data, err := request.MarshalProto()
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		batch := s.NewBatch(fuzzArgs, noMessage)
		d := decoder{args: fuzzArgs, batch: batch, now: start.UnixNano()}
		err := d.request(data)
		peer := plogotlp.NewExportRequest()
		if err != nil || peer.UnmarshalProto(data) != nil {
			return
		}
		require.EqualValues(t, peer.Logs().LogRecordCount(), batch.Len())
	})
}

func FuzzJSONLines(f *testing.F) {
	s := fuzzStore(f)
	f.Add([]byte(`{"_time":"2026-03-02T12:00:00Z","a":{"b":[1,{"c":null}]}}` + "\n{}\n\n[1]\n{\"t\":1e300}"))
	f.Add([]byte(`{"_time":1772452800,"_msg":"x","tenant":"U","i1":"2"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		batch := s.NewBatch(fuzzArgs, noMessage)
		d := lineDecoder{args: fuzzArgs, batch: batch, now: start.UnixNano()}
		err := d.body(data)
		require.Equal(t, err != nil, batch.Dropped()[logstore.Malformed] > 0)
	})
}
