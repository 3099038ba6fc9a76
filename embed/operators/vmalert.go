package operators

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

type vmAlert = custom[vmAlertSpec]

type vmAlertSpec struct {
	victoriaPod `json:",inline"`

	SelectAllByDefault    bool                  `json:"selectAllByDefault"`
	RuleSelector          *metav1.LabelSelector `json:"ruleSelector"`
	RuleNamespaceSelector *metav1.LabelSelector `json:"ruleNamespaceSelector"`
	EvaluationInterval    string                `json:"evaluationInterval"`
	RulePath              []string              `json:"rulePath"`
	ExternalLabels        map[string]string     `json:"externalLabels"`
	Datasource            victoriaRemote        `json:"datasource"`
	RemoteWrite           *victoriaRemote       `json:"remoteWrite"`
	RemoteRead            *victoriaRemote       `json:"remoteRead"`
	Notifier              *victoriaRemote       `json:"notifier"`
	Notifiers             []victoriaRemote      `json:"notifiers"`
}

// victoriaRemote is a server that another part talks to.
type victoriaRemote struct {
	URL string `json:"url"`
}

// vmRule is a group of rules kept as an object. Groups stay text: only vmalert
// knows their language.
type vmRule = custom[struct {
	Groups []json.RawMessage `json:"groups"`
}]

func rulesName(alert string) string { return "vm-" + alert + "-rulefiles-0" }

// ruleFiles renders rules as the files of a vmalert: NAMESPACE-NAME.yaml each.
func ruleFiles(rules []*vmRule) (map[string]string, error) {
	out := map[string]string{}
	for _, r := range rules {
		text, err := yaml.Marshal(map[string]any{"groups": r.Spec.Groups})
		if err != nil {
			return nil, fmt.Errorf("VMRule %s/%s: %w", r.Namespace, r.Name, err)
		}
		out[r.Namespace+"-"+r.Name+".yaml"] = string(text)
	}
	return out, nil
}

// checkRules says what a rule group lacks that vmalert would not start without.
func checkRules(r *vmRule) error {
	seen := map[string]bool{}
	for i, raw := range r.Spec.Groups {
		var g struct {
			Name  string `json:"name"`
			Rules []struct {
				Alert  string `json:"alert"`
				Record string `json:"record"`
				Expr   any    `json:"expr"`
			} `json:"rules"`
		}
		if err := json.Unmarshal(raw, &g); err != nil {
			return fmt.Errorf("groups[%d]: %w", i, err)
		}
		switch {
		case g.Name == "":
			return fmt.Errorf("groups[%d]: name is empty", i)
		case seen[g.Name]:
			return fmt.Errorf("groups[%d]: name %q is used twice", i, g.Name)
		}
		seen[g.Name] = true
		for j, rule := range g.Rules {
			switch {
			case (rule.Alert == "") == (rule.Record == ""):
				return fmt.Errorf("group %q, rules[%d]: want either alert or record", g.Name, j)
			case rule.Expr == nil || rule.Expr == "":
				return fmt.Errorf("group %q, rules[%d]: expr is empty", g.Name, j)
			}
		}
	}
	return nil
}

// buildVMAlert returns the objects that make a vmalert run over rule files.
func buildVMAlert(cr *vmAlert, files map[string]string) ([]child, error) {
	s := cr.Spec
	if s.Datasource.URL == "" {
		return nil, fmt.Errorf("spec.datasource.url is empty")
	}
	number, err := port(s.Port, alertPort)
	if err != nil {
		return nil, err
	}
	if _, err := s.replicas(); err != nil {
		return nil, err
	}
	const dir = "/etc/vmalert/config"
	rules := rulesName(cr.Name)
	w := victoriaWorkload{
		namespace: cr.Namespace, name: cr.Name, component: "vmalert",
		image: "victoriametrics/vmalert", tag: victoriaVersion, serviceAccount: "vmalert-" + cr.Name, health: "/health",
		requests: corev1.ResourceRequirements{Requests: resourceList("50m", "200Mi"), Limits: resourceList("200m", "500Mi")},
		flags: flags{
			"datasource.url": s.Datasource.URL, "httpListenAddr": fmt.Sprintf(":%d", number),
			"rule": strings.Join(append([]string{dir + "/" + rules + "/*.yaml"}, s.RulePath...), ","),
		},
		ports:   []corev1.ContainerPort{containerPort("http", number)},
		volumes: []corev1.Volume{configMapVolume(rules, rules)},
		mounts:  []corev1.VolumeMount{mount(rules, dir+"/"+rules)},
		sidecars: []corev1.Container{
			reloader("config-reloader", dir+"/"+rules, fmt.Sprintf("http://127.0.0.1:%d/-/reload", number), mount(rules, dir+"/"+rules)),
		},
	}
	if s.EvaluationInterval != "" {
		w.flags["evaluationInterval"] = s.EvaluationInterval
	}
	if s.RemoteWrite != nil {
		w.flags["remoteWrite.url"] = s.RemoteWrite.URL
	}
	if s.RemoteRead != nil {
		w.flags["remoteRead.url"] = s.RemoteRead.URL
	}
	notifiers := slices.Clone(s.Notifiers)
	if s.Notifier != nil {
		notifiers = append(notifiers, *s.Notifier)
	}
	var urls []string
	for _, n := range notifiers {
		if n.URL != "" {
			urls = append(urls, n.URL)
		}
	}
	if len(urls) > 0 {
		w.flags["notifier.url"] = strings.Join(urls, ",")
	}
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(s.ExternalLabels)) {
		labels = append(labels, name+"="+s.ExternalLabels[name])
	}
	if len(labels) > 0 {
		w.flags["external.label"] = strings.Join(labels, ",")
	}
	out := []child{
		&corev1.ConfigMap{ObjectMeta: meta(cr.Namespace, rules, w.selector()), Data: files},
		service(w.namespace, w.fullName(), w.selector(), w.selector(), false, servicePort("http", number)),
		s.deployment(w),
	}
	if s.ServiceAccountName == "" {
		out = append(out, victoriaAccount(w.namespace, w.serviceAccount, w.selector()))
	}
	return out, nil
}
