package document

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type thing struct {
	Name   string              `yaml:"name" jsonschema:"format=dns-label"`
	Sort   string              `yaml:"sort,omitempty" jsonschema:"enum=red,enum=green"`
	Any    any                 `yaml:"any,omitempty"`
	Text   map[string]string   `yaml:"text,omitempty"`
	Sets   map[string][]string `yaml:"sets,omitempty"`
	Begin  time.Time           `yaml:"begin,omitempty"`
	Share  *float64            `yaml:"share,omitempty" jsonschema:"minimum=0,maximum=1"`
	Colors []string            `yaml:"colors,omitempty" jsonschema:"minItems=1,maxItems=2,enum=red,enum=green"`
	Parts  parts               `yaml:"parts,omitempty"`
	Inner  *thing              `yaml:"inner,omitempty" document:"omit=name|inner"`
}

type part struct {
	A string `yaml:"a,omitempty" jsonschema:"oneof_required=a"`
	B *part  `yaml:"b,omitempty" jsonschema:"oneof_required=b"`
}

type parts []part

func (parts) OneOrMany() {}

// read decodes and checks a text.
func read(text string) (*thing, error) {
	f, v := New("f.yaml", Options{Columns: true, Example: "example"}), &thing{}
	if root := f.Parse([]byte(text)); root != nil {
		f.Decode(root, v)
		f.Check(v)
	}
	return v, f.Err()
}

func TestDecode(t *testing.T) {
	half := 0.5
	got, err := read(`
name: x
any: {a: [1, 1.5, true, null, text, 2026-03-02], b: {c: "1"}}
text: {n: 1, b: true, e: , t: 2026-03-02}
sets: {a: [x, y]}
begin: 2026-03-02T09:00:00Z
share: 0.5
colors: [red]
parts: {a: one}
inner: {sort: green, parts: [{b: {a: two}}]}
`)
	require.NoError(t, err)
	require.Equal(t, &thing{
		Name: "x",
		Any: map[string]any{
			"a": []any{int64(1), 1.5, true, nil, "text", "2026-03-02"}, "b": map[string]any{"c": "1"},
		},
		Text:   map[string]string{"n": "1", "b": "true", "e": "", "t": "2026-03-02"},
		Sets:   map[string][]string{"a": {"x", "y"}},
		Begin:  time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC),
		Share:  &half,
		Colors: []string{"red"},
		Parts:  parts{{A: "one"}},
		Inner:  &thing{Sort: "green", Parts: parts{{B: &part{A: "two"}}}},
	}, got)
}

func TestProblems(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := read(text)
		require.EqualError(t, err, strings.Join(want, "\n"))
	}
	f("nmae: x", `f.yaml:1:1: unknown field "nmae", did you mean "name"?`, `f.yaml:1:1: the file has no name, add one`)
	f("name: X\nsort: rde", `f.yaml:1:1: name is "X", give a DNS label: lower-case letters, digits and '-', at most 63 characters`,
		`f.yaml:2:1: sort is "rde", did you mean "red"?`)
	f("name: x\ncolors: []", `f.yaml:2:1: colors has 0 items, give at least 1`)
	f("name: x\ncolors: [red, gren]", `f.yaml:2:15: this item of colors is "gren", did you mean "green"?`)
	f("name: x\ncolors: [red, red, red]", `f.yaml:2:1: colors has 3 items, give at most 2`)
	f("name: x\nshare: .nan", `f.yaml:2:1: share is NaN, give 0 to 1`)
	f("name: x\nbegin: now", `f.yaml:2:1: begin: "now" is no time, give one such as 2026-03-02T09:00:00Z`)
	f("name: x\nparts: {}", `f.yaml:2:8: this item of parts has none of a, b, give one`)
	f("name: x\nparts: {c: 1}", `f.yaml:2:9: unknown field "c" in parts[0], choose one of a, b`)
	f("name: x\nparts: [{a: y, b: {a: z}}]", `f.yaml:2:16: b stands beside a, keep one of them`)
	f("name: x\ninner: {name: y}", `f.yaml:2:9: field "name" does not belong in inner, remove it`)
	f("name: x\ninner: {nane: y}", `f.yaml:2:9: unknown field "nane" in inner, choose one of sort, any, text, sets, begin, share, colors, parts`)
	f("name: x\nany: {a: &a 1, b: *a, <<: {c: 1}, [d]: 1, a: 2, e: .inf, f: 99999999999999999999, g: !!binary aGk=}",
		`f.yaml:2:16: alias *a is not supported here, write the value out`,
		`f.yaml:2:23: a key in any is "<<" (YAML type !!merge), give text`,
		`f.yaml:2:35: a key in any is a list, give text`,
		`f.yaml:2:43: "a" in any is given twice, remove one`,
		`f.yaml:2:49: e is the number .inf, which does not fit, give text, a number, true or false`,
		`f.yaml:2:83: g is "aGk=" (YAML type !!binary), which does not fit, give text, a number, true or false`)
	f("name: x\ntext: [a]\nsets: {a: b}", `f.yaml:2:1: text is a list, give names with values`,
		`f.yaml:3:8: a is the text "b", give a list: one item a line, each beginning with '- '`)
	f("name: x\ntext: {a: [b]}", `f.yaml:2:8: a is a list, give text`)
}

// Under is a view of the same document from a field.
func TestUnder(t *testing.T) {
	f := New("f.yaml", Options{})
	v := &thing{}
	f.Decode(f.Parse([]byte("name: x\ninner:\n  sort: red\n")), v)
	u := f.Under("inner")
	require.True(t, u.Given("sort"))
	require.Equal(t, "on line 3", u.Where("sort"))
	require.Equal(t, "inner", u.Label(""))
	u.Add("sort", "%s is wrong, right it", u.Label("sort"))
	u.Add("", "noise")
	require.True(t, f.Found("inner"))
	require.True(t, f.Found("inner.sort"))
	require.EqualError(t, f.Err(), "f.yaml:3: sort is wrong, right it")
}

func TestBelow(t *testing.T) {
	f := func(path, top, want string, ok bool) {
		t.Helper()
		got, is := Below(path, top)
		require.Equal(t, want, got)
		require.Equal(t, ok, is)
	}
	f("a.b[2].c", "a", "b[2].c", true)
	f("a[2].c", "a", "[2].c", true)
	f("a", "a", "", true)
	f("ab", "a", "", false)
}

func TestEnumOf(t *testing.T) {
	require.Equal(t, []string{"red", "green"}, EnumOf(reflect.TypeFor[thing](), "colors"))
	require.Empty(t, EnumOf(reflect.TypeFor[thing](), "name"))
}
