package federation

import (
	"context"
	"flag"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"koflab/embed/metrics"
)

func TestMain(m *testing.M) {
	flag.Parse() // before the storage libraries do, without arguments
	if err := warmUp(); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// warmUp starts what the storage libraries start once per process and never stop.
func warmUp() error {
	dir, err := os.MkdirTemp("", "koflab-federation-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := metrics.Open(metrics.Options{Dir: dir})
	if err != nil {
		return err
	}
	return s.Close()
}

type randomness = *rand.Rand

func newRand(seed int64) randomness { return rand.New(rand.NewPCG(uint64(seed), 7)) }

// contextOf returns the test's context where there is one.
func contextOf(t any) context.Context {
	if c, ok := t.(interface{ Context() context.Context }); ok {
		return c.Context()
	}
	return context.Background()
}

func escape(s string) string { return url.QueryEscape(s) }

func body(t testing.TB, c *http.Client, r *http.Request) string {
	t.Cleanup(c.CloseIdleConnections)
	resp, err := c.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}
