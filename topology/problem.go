package topology

import "koflab/topology/document"

// Problem is one thing wrong with a specification, and what to do about it.
type Problem = document.Problem

// SpecError is every problem of a specification, in the order of its lines.
type SpecError = document.Error

// findings collects the problems of one specification, and knows where each of
// its fields was given.
type findings struct{ *document.Findings }

// newFindings is without findings yet; file is empty for a lab built in code.
func newFindings(file string) *findings {
	return &findings{document.New(file, document.Options{Example: "koflab topology show"})}
}
