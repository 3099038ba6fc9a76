package collector

// Stats is a collector's state at one instant.
type Stats struct {
	Exporters []ExporterStats `json:"exporters"`
	// SeriesBytes is the memory of the series kept, in bytes.
	SeriesBytes int64 `json:"seriesBytes"`
	// Scraped counts samples, ScrapeErrors failed scrapes.
	Scraped      int64 `json:"scraped"`
	ScrapeErrors int64 `json:"scrapeErrors"`
}

// ExporterStats is an exporter's state. Sent, Failed and Refused count records:
// delivered, lost after they were queued, and lost because they could not be.
type ExporterStats struct {
	Name          string `json:"name"`
	Signal        string `json:"signal"`
	QueueSize     int    `json:"queueSize"`     // batches, those in flight included
	QueueCapacity int    `json:"queueCapacity"` // batches
	QueueBytes    int    `json:"queueBytes"`    // compressed, in memory or on disk
	Sent          int64  `json:"sent"`
	Failed        int64  `json:"failed"`
	Refused       int64  `json:"refused"`
}

// Stats returns the collector's state.
func (c *Collector) Stats() Stats {
	s := Stats{SeriesBytes: c.seriesBytes.Load(), Scraped: c.scraped.Load(), ScrapeErrors: c.scrapeErrors.Load()}
	for _, e := range c.exporters() {
		s.Exporters = append(s.Exporters, e.stats())
	}
	return s
}

func (e *exporter) stats() ExporterStats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := ExporterStats{
		Name: e.name, Signal: string(e.signal),
		QueueSize: e.held, QueueCapacity: e.capacity, QueueBytes: e.bytes,
		Sent: e.sent, Failed: e.failed, Refused: e.refused,
	}
	if e.journal != nil {
		s.QueueBytes = int(e.journal.live)
	}
	return s
}
