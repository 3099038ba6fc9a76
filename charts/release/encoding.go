package release

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
)

// packers are gzip writers kept for reuse: one alone is close to a megabyte.
// More than two are not worth keeping, whatever the number of clusters.
var packers = make(chan *gzip.Writer, 2)

// encode packs a release as Helm stores it: JSON, gzip, base64. Readers do not
// care how hard gzip tried.
func encode(rel *release.Release) ([]byte, error) {
	body, err := json.Marshal(rel)
	if err != nil {
		return nil, err
	}
	packed := bytes.NewBuffer(make([]byte, 0, len(body)/3))
	var w *gzip.Writer
	select {
	case w = <-packers:
		w.Reset(packed)
	default:
		w = gzip.NewWriter(packed)
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	select {
	case packers <- w:
	default:
	}
	out := make([]byte, base64.StdEncoding.EncodedLen(packed.Len()))
	base64.StdEncoding.Encode(out, packed.Bytes())
	return out, nil
}

// unpack undoes base64 and gzip. Very old records are not compressed.
func unpack(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, errors.New(`it has no data under the key "release"`)
	}
	body := make([]byte, base64.StdEncoding.DecodedLen(len(data)))
	n, err := base64.StdEncoding.Decode(body, data)
	if err != nil {
		return nil, err
	}
	body = body[:n]
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b, 0x08}) {
		return body, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func decode(data []byte) (*release.Release, error) {
	body, err := unpack(data)
	if err != nil {
		return nil, err
	}
	rel := &release.Release{}
	if err := json.Unmarshal(body, rel); err != nil {
		return nil, err
	}
	return rel, nil
}

// digest names what a revision is made of: chart with all subcharts, values
// and the revision's number. The number is in it because Helm hands labels on
// to the next revision whatever that is made of.
func digest(ch *chart.Chart, values map[string]any, revision int) (string, error) {
	h := sha256.New()
	if err := hashChart(h, ch); err != nil {
		return "", err
	}
	if len(values) > 0 {
		if err := json.NewEncoder(h).Encode(values); err != nil {
			return "", fmt.Errorf("values: %w", err)
		}
	}
	fmt.Fprintf(h, "\x00%d", revision)
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

func hashChart(h io.Writer, ch *chart.Chart) error {
	e := json.NewEncoder(h)
	if err := e.Encode(ch.Metadata); err != nil {
		return fmt.Errorf("chart %s: metadata: %w", ch.Name(), err)
	}
	if err := e.Encode(ch.Values); err != nil {
		return fmt.Errorf("chart %s: values: %w", ch.Name(), err)
	}
	files := slices.Concat(ch.Templates, ch.Files)
	for _, f := range files {
		if f != nil {
			fmt.Fprintf(h, "%s\x00%d\x00", f.Name, len(f.Data))
			h.Write(f.Data)
		}
	}
	h.Write(ch.Schema)
	for _, d := range ch.Dependencies() {
		if err := hashChart(h, d); err != nil {
			return err
		}
	}
	return nil
}

// copyChart copies what Helm changes in a chart while processing it, the tree
// of dependencies and their metadata. Files and values are shared: Helm copies
// values before it merges them.
func copyChart(ch *chart.Chart) *chart.Chart {
	out := &chart.Chart{
		Raw: ch.Raw, Lock: ch.Lock, Templates: ch.Templates,
		Values: ch.Values, Schema: ch.Schema, Files: ch.Files,
	}
	if ch.Metadata != nil {
		m := *ch.Metadata
		m.Dependencies = slices.Clone(m.Dependencies)
		for i, d := range m.Dependencies {
			if d != nil {
				d := *d
				m.Dependencies[i] = &d
			}
		}
		out.Metadata = &m
	}
	for _, d := range ch.Dependencies() {
		out.AddDependency(copyChart(d))
	}
	return out
}
