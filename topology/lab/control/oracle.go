package control

// OracleVerdict is what came of comparing stored records with those that must be
// stored, recomputed from seed and inventory.
type OracleVerdict struct {
	// Signals are ordered by cluster, region and signal.
	Signals []OracleSignal `json:"signals"`
}

// OracleSignal is the verdict on one signal of one cluster in one region's store.
// Units are samples, log records and spans.
type OracleSignal struct {
	// Cluster is the ID of whose telemetry it is, Region that of who stores it.
	Cluster string `json:"cluster"`
	Region  string `json:"region"`
	// Signal is metrics, logs or traces.
	Signal string `json:"signal"`
	// Expected is how many records must be stored, Stored how many are.
	Expected int64 `json:"expected"`
	Stored   int64 `json:"stored"`
	// Missing must be stored and are not; Unexpected are stored and must not be.
	Missing    int64 `json:"missing"`
	Unexpected int64 `json:"unexpected"`
	// Duplicated counts the copies beyond the first of records stored more than once.
	Duplicated int64 `json:"duplicated"`
	// Altered are stored with another value, text or attributes than they must have.
	Altered int64 `json:"altered"`
	// Examples name some records that are wrong, a line each, in order.
	Examples []string `json:"examples,omitempty"`
}

// Mistakes are the records that are wrong in any way.
func (s OracleSignal) Mistakes() int64 {
	return s.Missing + s.Unexpected + s.Duplicated + s.Altered
}

// OK reports that all records are as they must be. A verdict on no record at all
// is not: it proves nothing.
func (v OracleVerdict) OK() bool {
	records := int64(0)
	for _, s := range v.Signals {
		if s.Mistakes() != 0 {
			return false
		}
		records += s.Expected
	}
	return records > 0
}
