package conform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strconv"
)

// maxRows is how many rows a LogsQL answer may have: ours are one per cluster.
const maxRows = 10_000

// logs speaks VictoriaLogs' query API.
type logs struct{ *client }

// query returns the rows of a LogsQL query.
func (l *logs) query(ctx context.Context, q string) ([]map[string]string, error) {
	body, err := l.get(ctx, "/select/logsql/query", url.Values{"query": {q}})
	if err != nil {
		return nil, err
	}
	var rows []map[string]string
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var row map[string]string
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			if bad := decode(lines.Bytes(), &row); bad != nil {
				return nil, bad
			}
		}
		if rows = append(rows, row); len(rows) > maxRows {
			return nil, &answerError{200, "it answers more rows than were asked for"}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, &answerError{200, "a row does not read: " + err.Error()}
	}
	return rows, nil
}

// number reads a count of a row; what is no number counts as none.
func number(row map[string]string, field string) float64 {
	v, err := strconv.ParseFloat(row[field], 64)
	if err != nil {
		return 0
	}
	return v
}
