package topology

import "koflab/topology/document"

// FinishIn fills in the defaults of a lab that is part of another document, and
// checks what the rules of its fields cannot see. Its problems are added to those
// of the document; f takes paths from the lab's own (document.Findings.Under).
func FinishIn(f *document.Findings, lab *Lab) {
	in := &findings{f}
	in.durations(lab)
	Default(lab)
	in.relations(lab)
}
