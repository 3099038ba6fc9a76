package document

import (
	"fmt"
	"strings"
)

// Parent strips the last step of a path: a.b[2] -> a.b -> a -> "".
func Parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// within reports whether path is at or below top.
func within(path, top string) bool {
	rest, ok := strings.CutPrefix(path, top)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Join appends a field's name, or the path from there, to a path. Either may be
// empty.
func Join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}

// Item appends an index to a path.
func Item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// Label names a field for a message by its last name.
func (f *Findings) Label(path string) string { return label(f.full(path)) }

func label(full string) string {
	switch {
	case full == "":
		return "the file"
	case strings.HasSuffix(full, "]"):
		return "this item of " + label(Parent(full))
	}
	return full[strings.LastIndexByte(full, '.')+1:]
}

// in names the struct that a field is in, for a message.
func (f *Findings) in(path string) string {
	if full := f.full(path); full != "" {
		return " in " + full
	}
	return ""
}

// Clip shortens text for a message.
func Clip(s string) string {
	const limit = 40
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "..."
	}
	return s
}

// Below is what is left of path below top: b[2].c of a.b[2].c below a. It is empty
// for top itself; ok is false for a path that is not at or below top.
func Below(path, top string) (rest string, ok bool) {
	if !within(path, top) {
		return "", false
	}
	return strings.TrimPrefix(path[len(top):], "."), true
}
