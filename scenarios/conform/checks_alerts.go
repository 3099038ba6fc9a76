package conform

import (
	"context"
	"net/url"
)

var alertChecks = []check{{
	id: "watchdog", title: "Alerts reach Alertmanager", area: "alerts", severity: Error,
	does:   "Alert Watchdog always fires. The three replicas of promxy all evaluate it, and Alertmanager keeps one.",
	source: "PrometheusRule general.rules, alert Watchdog; promxy configuration, alertmanagers (kof-facts 4 and 7.1)",
	fix:    "See that promxy has the rules (/api/v1/rules), that its alertmanagers name vmalertmanager-cluster:9093, and that its pods reach it; without Watchdog no other alert arrives either.",
	run: func(ctx context.Context, s *survey, v *verdict) {
		if s.alertmanager == nil {
			v.skipf("no --alertmanager URL was given")
			return
		}
		v.judge(installation)
		body, err := s.alertmanager.get(ctx, "/api/v2/alerts", url.Values{"filter": {"alertname=Watchdog"}})
		var alerts []struct {
			Labels map[string]string `json:"labels"`
		}
		if err == nil {
			err = decode(body, &alerts)
		}
		switch {
		case err != nil:
			v.wrong(installation, "%s: %s", s.alertmanager.base, describe(err))
		case len(alerts) == 0:
			v.wrong(installation, "Alertmanager has no alert Watchdog")
		default:
			v.note("Watchdog from %s", or(alerts[0].Labels["source"], "a source without a name"))
		}
	},
}}
