package rules_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJobs(t *testing.T) {
	refuseCreation(t, []refusal{
		{name: "good", base: "job"},
		{name: "restart policy unsaid", base: "job", edit: edits{"spec.template.spec.restartPolicy": nil},
			want: `Job.batch "x" is invalid: spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`},
		{name: "selector", base: "job", edit: edits{"spec.selector": m{"matchLabels": m{"app": "a"}}, "spec.template.metadata.labels": m{"app": "a"}},
			part: "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"a\"}}: `selector` not auto-generated"},
		{name: "manual selector", base: "job", edit: edits{"spec.manualSelector": true, "spec.selector": m{"matchLabels": m{"app": "a"}}, "spec.template.metadata.labels": m{"app": "a"}}},
		{name: "parallelism", base: "job", edit: edits{"spec.parallelism": -1},
			want: `Job.batch "x" is invalid: spec.parallelism: Invalid value: -1: must be greater than or equal to 0`},
		{name: "indexed", base: "job", edit: edits{"spec.completionMode": "Indexed", "spec.parallelism": 2},
			want: `Job.batch "x" is invalid: spec.completions: Required value: when completion mode is Indexed`},
		{name: "good", base: "cronjob"},
		{name: "fields", base: "cronjob", edit: edits{"spec.schedule": "* * *"},
			want: `CronJob.batch "x" is invalid: spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]`},
		{name: "no schedule", base: "cronjob", edit: edits{"spec.schedule": nil},
			want: `CronJob.batch "x" is invalid: spec.schedule: Required value`},
		{name: "zone in schedule", base: "cronjob", edit: edits{"spec.schedule": "TZ=UTC * * * * *"},
			want: `CronJob.batch "x" is invalid: spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead`},
		{name: "zone", base: "cronjob", edit: edits{"spec.timeZone": "Mars/Olympus"},
			want: `CronJob.batch "x" is invalid: spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus`},
		{name: "known zone", base: "cronjob", edit: edits{"spec.timeZone": "Europe/Berlin"}},
		{name: "concurrency", base: "cronjob", edit: edits{"spec.concurrencyPolicy": "Maybe"},
			want: `CronJob.batch "x" is invalid: spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"`},
		{name: "long name", base: "cronjob", edit: edits{"metadata.name": strings.Repeat("x", 53)}, part: "must be no more than 52 characters"},
		{name: "image", base: "cronjob", edit: edits{"spec.jobTemplate.spec.template." + cc + "image": nil},
			want: `CronJob.batch "x" is invalid: spec.jobTemplate.spec.template.spec.containers[0].image: Required value`},
	})
	refuseChange(t, []refusal{
		{name: "parallelism", base: "job", edit: edits{"spec.parallelism": 2}},
		{name: "completions", base: "job", edit: edits{"spec.completions": 2},
			want: `Job.batch "x" is invalid: spec.completions: Invalid value: 2: field is immutable`},
		{name: "template", base: "job", edit: edits{"spec.template." + cc + "image": "b"}, part: `,"schedulerName":"default-scheduler"}}: field is immutable`},
		{name: "template of suspended", base: "job", first: edits{"spec.suspend": true}, edit: edits{"spec.template.spec.nodeSelector": m{"a": "b"}}},
		{name: "image of suspended", base: "job", first: edits{"spec.suspend": true}, edit: edits{"spec.template." + cc + "image": "b"}, part: "field is immutable"},
	})
}

func TestSchedules(t *testing.T) {
	for schedule, want := range map[string]string{
		"*/15 0-6,20 1 jan-MAR sun": "", "@hourly": "", "@every 5m": "", "5/10 ? * * 1-5": "",
		"61 * * * *":       "end of range (61) above maximum (59): 61",
		"* * 0 * *":        "beginning of range (0) below minimum (1): 0",
		"9-3 * * * *":      "beginning of range (9) beyond end of range (3): 9-3",
		"*/0 * * * *":      "step of range should be a positive number: */0",
		"a * * * *":        `failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax`,
		"* * * * 7":        "end of range (7) above maximum (6): 7",
		"1-2-3 * * * *":    "too many hyphens: 1-2-3",
		"1/2/3 * * * *":    "too many slashes: 1/2/3",
		"@fortnightly":     "unrecognized descriptor: @fortnightly",
		"*/5 * * * * 2026": "expected exactly 5 fields, found 6: [*/5 * * * * 2026]",
	} {
		gr, o := object(t, "cronjob", edits{"spec.schedule": schedule})
		_, err := newServer(t).Create(gr, encode(t, o))
		if want == "" {
			require.NoError(t, err, schedule)
			continue
		}
		require.ErrorContains(t, err, ": "+want, schedule)
	}
}

func TestAutoscalersAndBudgets(t *testing.T) {
	cpu := func(target m) edits {
		return edits{"spec.metrics": list(m{"type": "Resource", "resource": m{"name": "cpu", "target": target}})}
	}
	refuseCreation(t, []refusal{
		{name: "good", base: "autoscaler", edit: cpu(m{"type": "Utilization", "averageUtilization": 60})},
		{name: "max", base: "autoscaler", edit: edits{"spec.minReplicas": 4},
			want: "HorizontalPodAutoscaler.autoscaling \"x\" is invalid: spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"},
		{name: "min", base: "autoscaler", edit: edits{"spec.minReplicas": 0},
			want: `HorizontalPodAutoscaler.autoscaling "x" is invalid: spec.minReplicas: Invalid value: 0: must be greater than or equal to 1`},
		{name: "target", base: "autoscaler", edit: edits{"spec.scaleTargetRef.name": nil},
			want: `HorizontalPodAutoscaler.autoscaling "x" is invalid: spec.scaleTargetRef.name: Required value`},
		{name: "metric", base: "autoscaler", edit: edits{"spec.metrics": list(m{"type": "Pods", "resource": m{"name": "cpu", "target": m{"type": "Utilization", "averageUtilization": 1}}})},
			want: `HorizontalPodAutoscaler.autoscaling "x" is invalid: [spec.metrics[0].pods: Required value: must populate information for the given metric source, spec.metrics[0].resource: Forbidden: must populate the given metric source only]`},
		{name: "utilization", base: "autoscaler", edit: cpu(m{"type": "Utilization", "averageUtilization": 0}),
			want: `HorizontalPodAutoscaler.autoscaling "x" is invalid: spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0`},
		{name: "window", base: "autoscaler", edit: edits{"spec.behavior.scaleDown.stabilizationWindowSeconds": 3601},
			want: `HorizontalPodAutoscaler.autoscaling "x" is invalid: spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600`},
		{name: "both", base: "budget", edit: edits{"spec.maxUnavailable": 1}, part: "minAvailable and maxUnavailable cannot be both set"},
		{name: "percent", base: "budget", edit: edits{"spec.minAvailable": "120%"},
			want: `PodDisruptionBudget.policy "x" is invalid: spec.minAvailable: Invalid value: "120%": must not be greater than 100%`},
	})
}
