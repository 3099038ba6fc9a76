package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads the one document of a file. It returns nil, with the problem
// recorded, when there is nothing to decode.
func (f *Findings) Parse(data []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, another yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF) || err == nil && document.Content[0].ShortTag() == "!!null":
		f.AddAt(1, 1, fmt.Sprintf("the file is empty, see '%s' for an example", f.opts.Example))
		return nil
	case err != nil:
		f.addSyntax(err, data)
		return nil
	}
	if root := document.Content[0]; root.ShortTag() != "!!map" {
		f.AddAt(root.Line, root.Column, fmt.Sprintf("the file is %s, see '%s' for an example", describe(root), f.opts.Example))
		return nil
	}
	if err := decoder.Decode(&another); err == nil {
		f.AddAt(another.Line, another.Column, "a second document begins here, put it into a file of its own")
	} else if !errors.Is(err, io.EOF) {
		f.addSyntax(err, data)
	}
	return document.Content[0]
}

var (
	syntaxLine    = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

func (f *Findings) addSyntax(err error, data []byte) {
	line, message := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		line += bytes.Count(data[:max(0, bytes.Index(data, []byte("*"+m[1])))], []byte("\n"))
	} else {
		if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
			line, _ = strconv.Atoi(m[1])
			message = m[2]
		}
		line = max(line, faultyLine(data))
	}
	f.AddAt(line, 1, fmt.Sprintf("not valid YAML: %s, check indentation, quotes and colons around here", message))
}

// faultyLine is the first line that the file does not parse up to, or 0 when its
// first document is sound. The parser itself names the line where the
// surrounding block began.
func faultyLine(data []byte) int {
	if yaml.Unmarshal(data, new(yaml.Node)) == nil {
		return 0
	}
	var ends []int // of lines
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	return 1 + sort.Search(len(ends), func(i int) bool {
		return yaml.Unmarshal(data[:ends[i]], new(yaml.Node)) != nil
	})
}

// describe names what a node is, for "is ..., give ...".
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a group of fields"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch node.ShortTag() {
	case "!!str":
		return fmt.Sprintf("the text %q", Clip(node.Value))
	case "!!int", "!!float":
		return "the number " + Clip(node.Value)
	case "!!bool":
		return node.Value
	}
	return fmt.Sprintf("%q (YAML type %s)", Clip(node.Value), Clip(node.ShortTag()))
}
