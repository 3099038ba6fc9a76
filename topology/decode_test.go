package topology

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"koflab/topology/document"
)

const header = "apiVersion: koflab/v1alpha1\nkind: Lab\n"

func decodeText(text string, overrides ...Overrides) (*Lab, error) {
	return Decode("lab.yaml", strings.NewReader(text), overrides...)
}

// problems are those of an error that must be a SpecError.
func problems(t *testing.T, err error) []Problem {
	t.Helper()
	var spec *SpecError
	require.ErrorAs(t, err, &spec)
	require.NotEmpty(t, spec.Problems)
	return spec.Problems
}

func TestInvalidFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			_, err = Decode(filepath.Base(file), strings.NewReader(string(text)))
			last := 0
			for _, p := range problems(t, err) {
				require.GreaterOrEqual(t, p.Line, max(1, last), "problems come in the order of lines")
				require.LessOrEqual(t, p.Line, strings.Count(string(text), "\n")+1)
				require.Contains(t, p.Message, ",", "what, and what to do")
				last = p.Line
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", []byte(err.Error()+"\n"))
		})
	}
}

func TestDecodeRefusesLargeFiles(t *testing.T) {
	text := header + "regions: [{name: region-1}]\n"
	fits := text + strings.Repeat("#", MaxSpecBytes-len(text)-1) + "\n"
	_, err := decodeText(fits)
	require.NoError(t, err)
	_, err = decodeText(fits + "#")
	require.ErrorContains(t, err, "more than 1048576 bytes")
}

// Whatever a file holds, the answer stays short and comes soon.
func TestDecodeBoundsProblems(t *testing.T) {
	for name, text := range map[string]string{
		"items":  header + "regions:\n" + strings.Repeat("- x\n", 200_000),
		"fields": header + strings.Repeat("x: 1\n", 150_000),
		"depth":  strings.Repeat("[", 900_000),
	} {
		_, err := decodeText(text)
		found := problems(t, err)
		require.LessOrEqual(t, len(found), document.ProblemLimit+1, name)
		if len(found) > document.ProblemLimit {
			require.Equal(t, "there are more problems, mend these first", found[document.ProblemLimit].Message)
		}
	}
}

func TestDecodeRefusesWhatIsNoText(t *testing.T) {
	for _, text := range []string{"\xff\xfe\x00", header + "name: \"\x01\"\n", header + "name: a\xc3\x28\n"} {
		_, err := decodeText(text)
		require.ErrorContains(t, err, "not valid YAML")
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestDecodeReportsReadErrors(t *testing.T) {
	_, err := Decode("lab.yaml", brokenReader{})
	require.EqualError(t, err, "read lab.yaml: disk on fire")
	_, err = Load(filepath.Join(t.TempDir(), "absent.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lab.yaml")
	require.NoError(t, os.WriteFile(file, []byte(header+"regions: [{name: region-1}]\n"), 0o644))
	lab, err := Load(file, Overrides{Name: "demo"})
	require.NoError(t, err)
	require.Equal(t, "demo", lab.Name)
}

func TestDecodeReadsJSON(t *testing.T) {
	lab, err := decodeText(`{"apiVersion": "koflab/v1alpha1", "kind": "Lab", "regions": [{"name": "region-1", "retention": {"logs": "2d"}}]}`)
	require.NoError(t, err)
	require.Equal(t, 2*day, lab.Regions[0].Retention.Logs)
}

func TestNullIsNotGiven(t *testing.T) {
	lab, err := decodeText(header + "name: ~\nregions: [{name: region-1, nodes: , logRate: null}]\nchildren:\n")
	require.NoError(t, err)
	require.Equal(t, DefaultName, lab.Name)
	require.Equal(t, 2, lab.Regions[0].Nodes)
	require.Equal(t, 1.0, *lab.Regions[0].LogRate)
	require.Empty(t, lab.Children)
}

func TestValidateNamesFieldsOfLabsBuiltInCode(t *testing.T) {
	lab := &Lab{
		Regions:  []Region{{Name: "region-1", Retention: Retention{Logs: day / 2}, Workload: Workload{Nodes: 2000}}},
		Children: []Child{{Region: "region-9"}},
	}
	Default(lab)
	require.EqualError(t, Validate(lab), strings.Join([]string{
		`regions[0].nodes: nodes is 2000, give 1 to 1000`,
		`children[0].name: has no value, add one`,
		`regions[0].retention.logs: logs is 12h, give 1d to 100y`,
	}, "\n"))
}

func FuzzDecode(f *testing.F) {
	for _, p := range Presets() {
		lab, err := Preset(p.Name)
		require.NoError(f, err)
		if b, _ := Marshal(lab); len(b) < 10_000 {
			f.Add(string(b))
		}
	}
	files, _ := filepath.Glob("testdata/invalid/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		lab, err := decodeText(text)
		if err != nil {
			lines := 2 // the end of the file may be at fault
			for _, r := range text {
				if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) { // what YAML takes for a line's end
					lines++
				}
			}
			for _, p := range problems(t, err) {
				if p.Line < 1 || p.Line > lines || p.File != "lab.yaml" || p.Message == "" {
					t.Fatalf("problem without a place: %+v", p)
				}
			}
			return
		}
		again, err := decodeMarshalled(lab)
		require.NoError(t, err)
		require.Equal(t, lab, again)
	})
}

func decodeMarshalled(lab *Lab) (*Lab, error) {
	b, err := Marshal(lab)
	if err != nil {
		return nil, err
	}
	again, err := decodeText(string(b))
	if err != nil {
		return nil, fmt.Errorf("%w\nof\n%s", err, b)
	}
	return again, nil
}
