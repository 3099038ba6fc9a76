package autoconfig

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// How long things may take that happen in goroutines of their own.
const (
	waitFor = 10 * time.Second
	tick    = 5 * time.Millisecond
)
