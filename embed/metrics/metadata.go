package metrics

import (
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/metadata"
)

// metadataStore keeps the latest type, help and unit per metric family, in
// memory only, as Prometheus does. The zero value is ready.
type metadataStore struct {
	mu       sync.RWMutex
	families map[string]metadata.Metadata
}

const (
	// maxFamilies bounds the memory; families beyond it have no metadata.
	maxFamilies = 20_000
	// maxHelpBytes of a family's help text and unit are kept.
	maxHelpBytes = 1 << 10
)

// set remembers a family's metadata. The strings are copied when they are new.
func (s *metadataStore) set(family string, m metadata.Metadata) {
	if family == "" || m.IsEmpty() {
		return
	}
	m.Help, m.Unit = shorten(m.Help), shorten(m.Unit)
	s.mu.RLock()
	known, ok := s.families[family]
	full := len(s.families) >= maxFamilies
	s.mu.RUnlock()
	if known == m || full && !ok {
		return
	}
	m.Help, m.Unit = strings.Clone(m.Help), strings.Clone(m.Unit)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.families == nil {
		s.families = map[string]metadata.Metadata{}
	}
	s.families[strings.Clone(family)] = m
}

// shorten cuts what is too long and what is not text.
func shorten(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxHelpBytes)], "")
}

// get returns what is known about the families that keep accepts.
func (s *metadataStore) get(keep func(family string) bool) map[string]metadata.Metadata {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := map[string]metadata.Metadata{}
	for family, m := range s.families {
		if keep(family) {
			found[family] = m
		}
	}
	return found
}

// familyOf names the family a series of the given type belongs to.
func familyOf(series string, t model.MetricType) string {
	var suffixes []string
	switch t {
	case model.MetricTypeHistogram, model.MetricTypeGaugeHistogram:
		suffixes = histogramSuffixes
	case model.MetricTypeSummary:
		suffixes = histogramSuffixes[1:]
	}
	for _, suffix := range suffixes {
		if family, ok := strings.CutSuffix(series, suffix); ok {
			return family
		}
	}
	return series
}

var histogramSuffixes = []string{"_bucket", "_count", "_sum"}
