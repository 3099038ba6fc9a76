package check

import (
	"maps"
	"slices"

	"koflab/topology/lab/control"
)

// evaluate has for each entry one row per count, told apart by the label count:
// offered, acknowledged, queued, dropped and duplicated; and for each reason of
// drops one more, dropped with the label reason. The body has the counts summed up
// over all entries, droppedBy with those of each reason, and balance, which is
// offered - acknowledged - queued - dropped.
func (l *Ledger) evaluate(env Env, r *Result) {
	sum := control.Flow{Dropped: map[string]int64{}}
	dropped, entries := int64(0), 0
	for _, f := range env.Status().Flow {
		if !l.selects(f) {
			continue
		}
		entries++
		r.Rows = append(r.Rows, entryRows(f)...)
		sum.Offered += f.Offered
		sum.Acknowledged += f.Acknowledged
		sum.Queued += f.Queued
		sum.Duplicated += f.Duplicated
		for reason, n := range f.Dropped {
			sum.Dropped[reason] += n
		}
		dropped += total(f.Dropped)
	}
	order(r.Rows)
	r.Body = map[string]any{
		"offered": sum.Offered, "acknowledged": sum.Acknowledged, "queued": sum.Queued, "duplicated": sum.Duplicated,
		"dropped": dropped, "droppedBy": sum.Dropped, "balance": sum.Offered - sum.Acknowledged - sum.Queued - dropped,
	}
	r.Text = "no entries"
	if entries > 0 {
		text := count(int(sum.Offered), "record offered", "records offered") + ", " + number(float64(sum.Acknowledged)) + " acknowledged, " +
			number(float64(sum.Queued)) + " queued, " + number(float64(dropped)) + " dropped"
		reasons := slices.Sorted(maps.Keys(sum.Dropped))
		if len(reasons) > 0 {
			text += " (" + list(reasons, 80, func(s string) string { return s + " " + number(float64(sum.Dropped[s])) }) + ")"
		}
		if sum.Duplicated > 0 {
			text += ", " + number(float64(sum.Duplicated)) + " duplicated"
		}
		r.Text = clip(text, textLimit)
	}
}

func (l *Ledger) selects(f control.Flow) bool {
	return (l.From == "" || f.From == l.From) && (l.To == "" || f.To == l.To) && (l.Signal == "" || f.Signal == l.Signal)
}

func entryRows(f control.Flow) []Row {
	row := func(count, reason string, n int64) Row {
		labels := map[string]string{"from": f.From, "to": f.To, "signal": f.Signal, "count": count}
		if reason != "" {
			labels["reason"] = reason
		}
		return Row{Labels: labels, Value: float64(n)}
	}
	rows := []Row{
		row("offered", "", f.Offered), row("acknowledged", "", f.Acknowledged), row("queued", "", f.Queued),
		row("dropped", "", total(f.Dropped)), row("duplicated", "", f.Duplicated),
	}
	for reason, n := range f.Dropped {
		rows = append(rows, row("dropped", reason, n))
	}
	return rows
}

func total(counts map[string]int64) int64 {
	n := int64(0)
	for _, v := range counts {
		n += v
	}
	return n
}
