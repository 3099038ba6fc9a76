package topology

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"koflab/topology/document"
)

// Duration is a time span written as a Prometheus duration: 30s, 5m, 7d, 1y.
// A day has 24 hours and a year 365 days; the finest unit is the millisecond.
type Duration time.Duration

const (
	day  = Duration(24 * time.Hour)
	year = 365 * day
)

// String writes the duration as Prometheus does, such as 1m30s or 1y, but whole
// days as days: 7d rather than 1w, as everybody writes a retention.
func (d Duration) String() string {
	if d > 0 && d%day == 0 && d%year != 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return model.Duration(d).String()
}

// Want says how a duration is written.
func (Duration) Want() string { return "a duration such as 30s, 5m, 7d or 1y" }

// MarshalText makes the duration a string in YAML and JSON.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a Prometheus duration. A bare number is refused because
// its unit is a guess: VictoriaMetrics reads retentionPeriod 1 as one month,
// which the comment in KOF's 1.0 charts took for a day.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := model.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration, write one such as 30s, 5m, 7d or 1y", document.Clip(string(text)))
	}
	*d = Duration(parsed)
	return nil
}
