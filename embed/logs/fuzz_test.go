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
	request := plogotlp.NewExportRequest()
	require.NoError(f, request.UnmarshalJSON([]byte(otlpExample)))
	seed, err := request.MarshalProto()
	require.NoError(f, err)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		batch := s.NewBatch(fuzzArgs, noMessage)
		d := decoder{args: fuzzArgs, batch: batch, now: start.UnixNano()}
		err := d.request(data)
		peer := plogotlp.NewExportRequest()
		if err != nil || peer.UnmarshalProto(data) != nil {
			return
		}
		require.EqualValues(t, peer.Logs().LogRecordCount(), batch.Len())
		require.NoError(t, s.Commit(batch))
	})
}

func FuzzJSONLines(f *testing.F) {
	s := fuzzStore(f)
	f.Add([]byte(`{"_time":"2026-03-02T12:00:00Z","a":{"b":[1,{"c":null}]}}` + "\n{}\n\n[1]\n{\"t\":1e300}"))
	f.Add([]byte(`{"_time":1772452800,"_msg":"x","tenant":"U","i1":"2"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		batch := s.NewBatch(fuzzArgs, noMessage)
		d := lineDecoder{args: fuzzArgs, batch: batch, now: start.UnixNano()}
		_ = d.body(data)
		require.NoError(t, s.Commit(batch))
	})
}
