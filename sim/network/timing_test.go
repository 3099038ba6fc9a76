package network

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkSoundLink is the cost of a request through a link without faults,
// beside that of one over the socket alone.
func BenchmarkSoundLink(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	b.Cleanup(server.Close)
	run := func(b *testing.B, client *http.Client, url string) {
		b.Cleanup(client.CloseIdleConnections)
		b.ReportAllocs()
		for b.Loop() {
			resp, err := client.Get(url)
			require.NoError(b, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			require.NoError(b, resp.Body.Close())
		}
	}
	b.Run("link", func(b *testing.B) {
		w := newWorld(b)
		require.NoError(b, w.Publish("web.r1.test", 80, "r1", server.Listener.Addr().String()))
		run(b, w.Client("c1", nil), "http://web.r1.test/")
	})
	b.Run("socket", func(b *testing.B) { run(b, &http.Client{Transport: &http.Transport{}}, server.URL) })
}
