package topology

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a specification, and what to do about it.
type Problem struct {
	// File and Line say where; Line counts from 1. Both are empty for a lab that
	// was built in code and for a value that came from a flag.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Flag is the command-line flag the value came from, such as "--stack".
	Flag string `json:"flag,omitempty"`
	// Path is the field, such as children[3].nodes.
	Path string `json:"path,omitempty"`
	// Message says what is wrong and what to do.
	Message string `json:"message"`
}

// String is "file:line: what, and what to do", with the flag or the field's
// path for a value that is in no file.
func (p Problem) String() string {
	switch {
	case p.Flag != "":
		return p.Flag + ": " + p.Message
	case p.Line > 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
	case p.Path != "":
		return p.Path + ": " + p.Message
	}
	return p.Message
}

// SpecError is every problem of a specification, in the order of its lines.
type SpecError struct {
	Problems []Problem
}

// Error has one line per problem.
func (e *SpecError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// findings collects the problems of one specification and knows where each of
// its fields was given.
type findings struct {
	file     string
	origins  map[string]origin // by path, for every field given
	problems []Problem
}

// origin is where a field was given: on a line of the file, or by a flag.
type origin struct {
	line int
	flag string
}

// given reports whether a field was written down, in the file or as a flag.
func (f *findings) given(path string) bool {
	_, ok := f.origins[path]
	return ok
}

// byFlag notes that a flag gave the field, whatever the file says.
func (f *findings) byFlag(path, flag string) {
	if f.origins == nil {
		f.origins = map[string]origin{}
	}
	f.origins[path] = origin{flag: flag}
}

// origin is where the field, or else the nearest one around it, was given.
func (f *findings) origin(path string) origin {
	for ; path != ""; path = parent(path) {
		if o, ok := f.origins[path]; ok {
			return o
		}
	}
	if f.file == "" {
		return origin{}
	}
	return origin{line: 1}
}

// problemLimit bounds how much is said about one file. Whoever gets that many
// fed us something that is no lab specification.
const problemLimit = 200

// addAt records a problem of a line rather than of a field.
func (f *findings) addAt(line int, message string) {
	f.append(Problem{File: f.file, Line: line, Message: message})
}

func (f *findings) append(p Problem) {
	if len(f.problems) < problemLimit {
		f.problems = append(f.problems, p)
	}
}

// add records a problem of the field at path. What follows from a problem that
// is already known for the field, or for one above or below it, is noise.
func (f *findings) add(path, format string, args ...any) {
	for _, p := range f.problems {
		if p.Path != "" && (within(p.Path, path) || within(path, p.Path)) {
			return
		}
	}
	o := f.origin(path)
	p := Problem{Line: o.line, Flag: o.flag, Path: path, Message: fmt.Sprintf(format, args...)}
	if o.line > 0 {
		p.File = f.file
	}
	f.append(p)
}

// found reports whether a problem is known at path or below it.
func (f *findings) found(path string) bool {
	return slices.ContainsFunc(f.problems, func(p Problem) bool { return within(p.Path, path) })
}

// where names the place of another field, for a message.
func (f *findings) where(path string) string {
	switch o := f.origin(path); {
	case o.flag != "":
		return "given by " + o.flag
	case o.line > 0:
		return fmt.Sprintf("on line %d", o.line)
	}
	return path
}

// err is a *SpecError of all problems, or nil.
func (f *findings) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(f.problems, func(a, b Problem) int { return a.Line - b.Line })
	if last := f.problems[len(f.problems)-1]; len(f.problems) == problemLimit {
		f.problems = append(f.problems, Problem{File: last.File, Line: last.Line, Message: "there are more problems, mend these first"})
	}
	return &SpecError{f.problems}
}

// parent strips the last step of a path: a.b[2] -> a.b -> a -> "".
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// within reports whether path is at or below top.
func within(path, top string) bool {
	rest, ok := strings.CutPrefix(path, top)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// join appends a field's name to a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// label names a field for a message by its last name.
func label(path string) string {
	switch {
	case path == "":
		return "the file"
	case strings.HasSuffix(path, "]"):
		return "this item of " + label(parent(path))
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

// item appends an index to a path.
func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// clip shortens text for a message.
func clip(s string) string {
	const limit = 40
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "..."
	}
	return s
}
