package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// WriteJSON writes the report for programs: indented by two, with a newline at
// the end. Read it back with Decode.
func WriteJSON(w io.Writer, r Report) error {
	r.Version = Version
	if r.Runs == nil {
		r.Runs = []Run{}
	}
	runs := make([]Run, len(r.Runs))
	for i, run := range r.Runs {
		run.Start = run.Start.UTC() // whatever the zone of this machine
		runs[i] = run
	}
	r.Runs = runs
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // queries are full of < and >
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("report as JSON: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Decode reads what WriteJSON wrote. It refuses a report of another version;
// fields that it does not know are of a newer koflab and left out.
func Decode(in io.Reader) (Report, error) {
	dec := json.NewDecoder(in)
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return Report{}, fmt.Errorf("report: not JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Report{}, errors.New("report: there is more behind it; want one JSON object alone")
	}
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return Report{}, fmt.Errorf("report: %w", err)
	}
	if head.Version == nil {
		return Report{}, errors.New("report: version is missing; is this a report made by 'koflab scenario run --json'?")
	}
	if *head.Version != Version {
		return Report{}, fmt.Errorf("report: version is %d, this koflab reads %d; run the scenarios again to get one", *head.Version, Version)
	}
	var r Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return Report{}, fmt.Errorf("report: %w", err)
	}
	return r, nil
}
