package check

import (
	"maps"
	"slices"
	"strings"
)

// evaluate has a row for each event since the scenario began, with value 1.
func (e *Events) evaluate(env Env, r *Result) {
	names := &addresses{env: env}
	reasons := map[string]int{}
	for _, v := range env.EventsSince(0) {
		if v.Time.Before(r.Start) || !e.selects(string(v.Level), v.Reason, v.Object) {
			continue
		}
		reasons[v.Reason]++
		r.Rows = append(r.Rows, Row{
			Labels: map[string]string{"level": string(v.Level), "reason": v.Reason, "object": v.Object},
			Value:  1, Time: v.Time, Fields: map[string]any{"message": names.replace(v.Message)},
		})
	}
	order(r.Rows)
	r.Text = "no events"
	if len(r.Rows) > 0 {
		head := count(len(r.Rows), "event", "events") + ": "
		r.Text = head + list(slices.Sorted(maps.Keys(reasons)), textLimit-len(head), func(reason string) string {
			return reason + " " + number(float64(reasons[reason]))
		})
	}
}

// selects takes an object's parts for it: region-1 has region-1/vmauth.
func (e *Events) selects(level, reason, object string) bool {
	return (e.Level == "" || e.Level == level) && (e.Reason == "" || e.Reason == reason) &&
		(e.Object == "" || e.Object == object || strings.HasPrefix(object, e.Object+"/"))
}
