package traces

import (
	"testing"

	"go.uber.org/goleak"
)

// The libraries keep some goroutines for the life of the process: those that
// run before any test, and one that the first storage starts.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("github.com/VictoriaMetrics/metrics.summariesSwapCron"))
}
