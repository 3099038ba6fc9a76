package cmd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVectorsAreInOrder(t *testing.T) {
	data := `{"resultType":"vector","result":[
		{"metric":{"__name__":"up","job":"b"},"value":[1,"3"]},
		{"metric":{"__name__":"up","cluster":"c2","job":"a"},"value":[1,"2"]},
		{"metric":{"__name__":"up","cluster":"c1","job":"a"},"value":[1,"1"]}]}`
	print := func(ordered bool) string {
		var out strings.Builder
		require.NoError(t, printData(&out, []byte(data), queryFlags{}, ordered))
		return out.String()
	}
	require.Equal(t, `NAME  CLUSTER  JOB  VALUE
up             b    3
up    c1       a    1
up    c2       a    2
`, print(false), "by labels")
	require.Equal(t, `NAME  CLUSTER  JOB  VALUE
up             b    3
up    c2       a    2
up    c1       a    1
`, print(true), "as it came")

	for expr, want := range map[string]bool{
		"up": false, "sum by (job)(up)": false, "sort(up) + 1": false, "sum(": false,
		"sort_desc(up)": true, "(sort(up))": true, `sort_by_label(up, "job")`: true, "topk(3, up)": true, "bottomk by (job)(1, up)": true,
	} {
		require.Equal(t, want, ordered(expr), expr)
	}
}

func TestResultsInWords(t *testing.T) {
	for data, want := range map[string]string{
		`{"resultType":"vector","result":[]}`:                                                      "(no series)\n",
		`{"resultType":"matrix","result":[]}`:                                                      "(no series)\n",
		`{"resultType":"scalar","result":[1,"2"]}`:                                                 "2\n",
		`{"resultType":"string","result":[1,"hello"]}`:                                             "hello\n",
		`{"resultType":"vector","result":[{"metric":{},"value":[1,"NaN"]}]}`:                       "VALUE\nNaN\n",
		`{"resultType":"matrix","result":[{"metric":{"job":"a"},"values":[[0,"1"],[60,"+Inf"]]}]}`: "JOB  TIME                  VALUE\na    1970-01-01T00:00:00Z  1\na    1970-01-01T00:01:00Z  +Inf\n",
	} {
		var out strings.Builder
		require.NoError(t, printData(&out, []byte(data), queryFlags{}, false))
		require.Equal(t, want, out.String(), data)
	}
	require.ErrorContains(t, printData(&strings.Builder{}, []byte(`{"resultType":"vector","result":[{}`), queryFlags{}, false), "read the answer")
}
