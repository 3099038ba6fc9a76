package check

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// expect checks that the expectation says something which can be met and missed.
func (v *validation) expect(kind string) {
	e := v.check.Expect
	if e.Series != nil && len(e.Series) == 0 {
		v.add("expect.series", "the list is empty, write empty: true if no rows are expected")
		return
	}
	if e.IsZero() {
		switch {
		case !e.Tolerance.IsZero():
			v.add("expect.tolerance", "tolerance is of value or series, give one of them")
		case e.Exact:
			v.add("expect.exact", "exact is about the labels of series, give them")
		case kind != KindOracle:
			v.add("expect", "the check expects nothing, so it could not fail; give value, min, max, count, series, labels, empty, status, error, contains or cel")
		}
		return
	}
	v.expectRows(e)
	if e.Status != 0 && kind != KindHTTP {
		v.add("expect.status", "only http has a status")
	}
	if e.Status != 0 && (e.Status < 100 || e.Status > 599) {
		v.add("expect.status", "%d is no HTTP status, which are 100 to 599", e.Status)
	}
	if e.CEL != "" {
		if err := guard(func() error { _, err := compile(e.CEL); return err }); err != nil {
			v.add("expect.cel", "%v", err)
		}
	}
}

// expectRows checks what is said of rows for contradictions.
func (v *validation) expectRows(e Expect) {
	none := e.Empty || e.Count != nil && *e.Count == 0
	some := slices.DeleteFunc(e.aboutRows(), func(name string) bool { return name == "empty" || name == "count" && none })
	switch {
	case e.Error != "" && (len(e.aboutRows()) > 0 || e.Status != 0):
		v.add("expect.error", "an answer that is an error has no rows and no status, leave the other expectations out")
	case none && len(some) > 0:
		v.add("expect", "no rows are expected, but %s too; leave one out", strings.Join(some, ", "))
	}
	if e.Count != nil {
		switch n := *e.Count; {
		case n < 0:
			v.add("expect.count", "count is %d, give 0 or more", n)
		case len(e.Series) > 0 && n != len(e.Series):
			v.add("expect.count", "count is %d, but there are %d series", n, len(e.Series))
		case e.Value != nil && n != 1:
			v.add("expect.count", "value is that of the one row, but count is %d", n)
		}
	}
	if e.Value != nil && len(e.Series) > 1 {
		v.add("expect.value", "value is that of the one row, but there are %d series", len(e.Series))
	}
	if e.Min != nil && e.Max != nil && !(*e.Min <= *e.Max) {
		v.add("expect.max", "max %s is below min %s", number(*e.Max), number(*e.Min))
	}
	for _, b := range []struct {
		name  string
		bound *float64
	}{{"min", e.Min}, {"max", e.Max}} {
		if b.bound != nil && math.IsNaN(*b.bound) {
			v.add("expect."+b.name, "%s is not a number, so no value could be within it", b.name)
		}
	}
	if !e.Tolerance.IsZero() && e.Value == nil && !slices.ContainsFunc(e.Series, func(s Series) bool { return s.Value != nil }) {
		v.add("expect.tolerance", "tolerance is of value or of the values of series, give one of them")
	}
	if e.Exact && len(e.Series) == 0 {
		v.add("expect.exact", "exact is about the labels of series, give them")
	}
	for _, name := range slices.Sorted(maps.Keys(e.Labels)) {
		if len(e.Labels[name]) == 0 {
			v.add(fmt.Sprintf("expect.labels.%s", name), "the list of values is empty, which holds for no rows only; write empty: true")
		}
	}
}
