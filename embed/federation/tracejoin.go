package federation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// trace is a trace in Jaeger's JSON. What a join does not look at passes through
// as it came.
type trace struct {
	ID        string                     `json:"traceID"`
	Spans     []span                     `json:"spans"`
	Processes map[string]json.RawMessage `json:"processes"`
	Warnings  []string                   `json:"warnings"`
}

// span is a span with all its fields, of which the process is looked up by name
// in the trace.
type span struct {
	id      string
	start   int64 // microseconds
	process string
	fields  map[string]json.RawMessage
}

// UnmarshalJSON reads a span of Jaeger's JSON.
func (s *span) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &s.fields); err != nil {
		return err
	}
	for name, v := range map[string]any{"spanID": &s.id, "startTime": &s.start, "processID": &s.process} {
		if raw, ok := s.fields[name]; ok {
			if err := json.Unmarshal(raw, v); err != nil {
				return fmt.Errorf("%s of a span: %w", name, err)
			}
		}
	}
	return nil
}

// MarshalJSON writes the span with its process of the joined trace.
func (s span) MarshalJSON() ([]byte, error) {
	if s.fields == nil {
		return []byte("null"), nil
	}
	process, err := json.Marshal(s.process)
	if err != nil {
		return nil, err
	}
	s.fields["processID"] = process
	return json.Marshal(s.fields)
}

// start is when the first span began.
func (t trace) start() int64 {
	first := int64(math.MaxInt64)
	for _, s := range t.Spans {
		first = min(first, s.start)
	}
	return first
}

// joinTraces unites the traces of equal id, in order of first sight.
func joinTraces(replies []reply[[]trace]) []trace {
	var joined []trace
	index := map[string]int{}
	for _, r := range replies {
		for _, t := range r.data {
			i, known := index[t.ID]
			if !known {
				index[t.ID] = len(joined)
				joined = append(joined, t)
				continue
			}
			joined[i] = joinTrace(joined[i], t)
		}
	}
	return joined
}

// joinTrace adds b's spans to a's. Names of processes are per answer, p1 in one
// may be another in the other: they are numbered anew. A span that both have is
// kept once.
func joinTrace(a, b trace) trace {
	joined := trace{ID: a.ID, Processes: map[string]json.RawMessage{}, Warnings: slices.Concat(a.Warnings, b.Warnings)}
	numbers := map[string]string{} // by the process itself
	seen := map[string]bool{}
	for _, t := range []trace{a, b} {
		for _, s := range t.Spans {
			process := string(t.Processes[s.process])
			if numbers[process] == "" {
				numbers[process] = fmt.Sprintf("p%d", len(numbers)+1)
				if process != "" {
					joined.Processes[numbers[process]] = t.Processes[s.process]
				}
			}
			s.process = numbers[process]
			key, err := s.MarshalJSON()
			if err != nil || seen[string(key)] {
				continue
			}
			seen[string(key)] = true
			joined.Spans = append(joined.Spans, s)
		}
	}
	slices.SortStableFunc(joined.Spans, func(x, y span) int {
		return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.id, y.id))
	})
	return joined
}
