package check

import (
	"fmt"
	"slices"

	"koflab/topology/document"
)

// orOneOf tells which name was probably meant, or else which there are.
func orOneOf(got string, names []string) string {
	if len(names) == 0 {
		return "there is none"
	}
	return document.OrOneOf(got, names)
}

// didYouMean names the nearest of many names, if there is one: ", did you mean X?".
func didYouMean(got string, names []string) string {
	slices.Sort(names)
	if near := document.Nearest(got, slices.Compact(names)); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}
