package runner

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"koflab/scenarios"
	"koflab/scenarios/check"
	"koflab/scenarios/report"
)

// describe says what a step does, in one line.
func describe(s scenarios.Step) string {
	switch s.Action() {
	case scenarios.ActionInject:
		i := s.Inject
		words := []string{"inject", i.Fault}
		if i.Target != "" {
			words = append(words, "at", i.Target)
		}
		if i.For > 0 {
			words = append(words, "for", i.For.String())
		}
		return strings.Join(words, " ")
	case scenarios.ActionHeal:
		return "heal " + s.Heal
	case scenarios.ActionChange:
		return "change: " + describeChange(*s.Change)
	case scenarios.ActionSend:
		return describeSend(*s.Send)
	case scenarios.ActionCheck:
		return "check " + counted(len(s.Check), "thing")
	}
	return "run " + report.Duration(s.Run).String()
}

func describeChange(c scenarios.Change) string {
	switch c.Kind() {
	case "apply":
		kind, _ := c.Apply.Manifest["kind"].(string)
		meta, _ := c.Apply.Manifest["metadata"].(map[string]any)
		return fmt.Sprintf("apply %s %v on %s", kind, meta["name"], c.Apply.Cluster)
	case "patch":
		return fmt.Sprintf("patch %s on %s", object(c.Patch.ObjectRef), c.Patch.Cluster)
	case "delete":
		return fmt.Sprintf("delete %s on %s", object(*c.Delete), c.Delete.Cluster)
	case "scale":
		return fmt.Sprintf("scale %s on %s to %d", object(c.Scale.ObjectRef), c.Scale.Cluster, c.Scale.Replicas)
	case "addChild":
		return "add child " + c.AddChild.Name
	case "addRegion":
		return "add region " + c.AddRegion.Name
	case "upgrade":
		what := fmt.Sprintf("upgrade release %s on %s", c.Upgrade.Release, c.Upgrade.Cluster)
		if c.Upgrade.Version != "" {
			what += " to " + c.Upgrade.Version
		}
		return what
	}
	return "remove " + c.Remove
}

func object(o scenarios.ObjectRef) string {
	resource, _, _ := strings.Cut(o.Resource, ".")
	if o.Namespace == "" {
		return resource + "/" + o.Name
	}
	return resource + "/" + o.Name + " in " + o.Namespace
}

func describeSend(s scenarios.Send) string {
	var what []string
	add := func(n int, noun string) {
		if n > 0 {
			what = append(what, counted(n, noun))
		}
	}
	logs, traces, metrics := 0, 0, 0
	for _, l := range s.Logs {
		logs += max(1, l.Count)
	}
	for _, t := range s.Traces {
		traces += max(1, t.Count)
	}
	for _, m := range s.Metrics {
		metrics += max(1, m.Count)
	}
	add(logs, "log record")
	add(traces, "trace")
	add(metrics, "sample")
	by := "collector"
	if s.Via == scenarios.ViaGateway {
		by = "gateway"
	}
	return fmt.Sprintf("send %s to the %s of %s", strings.Join(what, ", "), by, s.To)
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// expectLimit is how much is said of what a check expects, in characters.
const expectLimit = 400

// expected is what a check expects, as it is written in a scenario file, in one line.
func expected(e check.Expect) string {
	if e.IsZero() {
		return ""
	}
	var node yaml.Node
	if err := node.Encode(e); err != nil {
		return ""
	}
	inFlow(&node)
	b, err := yaml.Marshal(&node)
	if err != nil {
		return ""
	}
	text := []rune(strings.Join(strings.Fields(string(b)), " "))
	if len(text) > expectLimit {
		return string(text[:expectLimit-3]) + "..."
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(text), "{"), "}")
}

func inFlow(n *yaml.Node) {
	n.Style = yaml.FlowStyle
	if n.Kind == yaml.ScalarNode {
		n.Style = 0
	}
	for _, c := range n.Content {
		inFlow(c)
	}
}
