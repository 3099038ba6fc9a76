// Package document reads the files that people write for koflab: strict YAML, in
// which every problem is found at once and told with its place, and what to do.
// The rules of fields stand in the tags of the Go types, from which the JSON Schema
// for editors is made as well.
package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a document, and what to do about it.
type Problem struct {
	// File and Line say where; Line counts from 1. Both are empty for a value that
	// was built in code and for one that came from a flag.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Column counts characters from 1; 0 where the document does not tell columns.
	Column int `json:"column,omitempty"`
	// Flag is the command-line flag the value came from, such as "--stack".
	Flag string `json:"flag,omitempty"`
	// Path is the field, such as children[3].nodes.
	Path string `json:"path,omitempty"`
	// Message says what is wrong and what to do.
	Message string `json:"message"`
}

// String is "file:line: what, and what to do", with the column if there is one,
// and with the flag or the field's path for a value that is in no file.
func (p Problem) String() string {
	switch {
	case p.Flag != "":
		return p.Flag + ": " + p.Message
	case p.Line > 0 && p.Column > 0:
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	case p.Line > 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
	case p.Path != "":
		return p.Path + ": " + p.Message
	}
	return p.Message
}

// Error is every problem of a document, in the order of its lines.
type Error struct {
	Problems []Problem
}

// Error has one line per problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// ProblemLimit bounds how much is said about one file. Whoever gets that many
// fed us something else than what was asked for.
const ProblemLimit = 200

// Options say how a document's problems are told.
type Options struct {
	// Columns tells the column beside the line.
	Columns bool
	// Example is the command that prints an example, such as "koflab topology show",
	// for files that hold nothing like it.
	Example string
}

// Findings collects the problems of one document and knows where each of its
// fields was given. What Under returns collects into the same document.
type Findings struct {
	*state
	base string // goes before every path
}

type state struct {
	file     string
	opts     Options
	origins  map[string]origin // by path, for every field given
	unknown  map[string]bool   // paths of structs that were given fields they do not have
	problems []Problem
}

// origin is where a field was given: at a place of the file, or by a flag.
type origin struct {
	line, column int
	flag         string
}

// New is without findings yet. File stands for the document in problems; it is
// empty for a value that was built in code.
func New(file string, o Options) *Findings {
	return &Findings{state: &state{file: file, opts: o, origins: map[string]origin{}, unknown: map[string]bool{}}}
}

// Under takes paths from the field at path instead of from the document's top.
func (f *Findings) Under(path string) *Findings {
	return &Findings{state: f.state, base: f.full(path)}
}

func (f *Findings) full(path string) string { return Join(f.base, path) }

// Given reports whether a field was written down, in the file or as a flag.
func (f *Findings) Given(path string) bool {
	_, ok := f.origins[f.full(path)]
	return ok
}

// ByFlag notes that a flag gave the field, whatever the file says.
func (f *Findings) ByFlag(path, flag string) { f.origins[f.full(path)] = origin{flag: flag} }

// origin is where the field of a full path, or else the nearest one around it,
// was given.
func (f *Findings) origin(full string) origin {
	for ; full != ""; full = Parent(full) {
		if o, ok := f.origins[full]; ok {
			return o
		}
	}
	if f.file == "" {
		return origin{}
	}
	return origin{line: 1, column: 1}
}

// AddAt records a problem of a place rather than of a field.
func (f *Findings) AddAt(line, column int, message string) {
	f.append(Problem{File: f.file, Line: line, Column: column, Message: message})
}

func (f *Findings) append(p Problem) {
	if !f.opts.Columns {
		p.Column = 0
	}
	if len(f.problems) < ProblemLimit {
		f.problems = append(f.problems, p)
	}
}

// Add records a problem of the field at path. What follows from a problem that
// is already known for the field, or for one above or below it, is noise.
func (f *Findings) Add(path, format string, args ...any) {
	full := f.full(path)
	for _, p := range f.problems {
		if p.Path != "" && (within(p.Path, full) || within(full, p.Path)) {
			return
		}
	}
	o := f.origin(full)
	p := Problem{Line: o.line, Column: o.column, Flag: o.flag, Path: full, Message: fmt.Sprintf(format, args...)}
	if o.line > 0 {
		p.File = f.file
	}
	f.append(p)
}

// Found reports whether a problem is known at path or below it.
func (f *Findings) Found(path string) bool {
	full := f.full(path)
	return slices.ContainsFunc(f.problems, func(p Problem) bool { return within(p.Path, full) })
}

// Misspelled reports whether a field that does not exist was given at path or below
// it: what seems to be missing there may be meant by it.
func (f *Findings) Misspelled(path string) bool {
	for full := range f.unknown {
		if within(full, f.full(path)) {
			return true
		}
	}
	return false
}

// Where names the place of another field, for a message.
func (f *Findings) Where(path string) string {
	full := f.full(path)
	switch o := f.origin(full); {
	case o.flag != "":
		return "given by " + o.flag
	case o.line > 0:
		return fmt.Sprintf("on line %d", o.line)
	}
	return full
}

// Err is an *Error of all problems, or nil.
func (f *Findings) Err() error {
	if len(f.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
	if last := f.problems[len(f.problems)-1]; len(f.problems) == ProblemLimit {
		last.Path, last.Flag, last.Message = "", "", "there are more problems, mend these first"
		f.problems = append(f.problems, last)
	}
	return &Error{f.problems}
}
