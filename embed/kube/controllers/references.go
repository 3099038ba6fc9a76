package controllers

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// keysOf returns the keys of a Secret or ConfigMap; found is false without one.
func (c *Controllers) keysOf(k kind, namespace, name string) (keys map[string]struct{}, found bool) {
	o, err := c.api.Get(resources[k], namespace, name)
	if err != nil {
		return nil, false
	}
	var data struct {
		Data       map[string]json.RawMessage `json:"data"`
		BinaryData map[string]json.RawMessage `json:"binaryData"`
	}
	if err := json.Unmarshal(o.JSON, &data); err != nil {
		return nil, true
	}
	keys = make(map[string]struct{}, len(data.Data)+len(data.BinaryData))
	for _, m := range []map[string]json.RawMessage{data.Data, data.BinaryData} {
		for key := range m {
			keys[key] = struct{}{}
		}
	}
	return keys, true
}

var (
	lowerNames = map[kind]string{secretKind: "secret", configMapKind: "configmap"}
	upperNames = map[kind]string{secretKind: "Secret", configMapKind: "ConfigMap"}
)

// source is a Secret or ConfigMap that a volume is made of.
type source struct {
	kind     kind
	name     string
	items    []corev1.KeyToPath
	optional *bool
}

// unmounted says which volume cannot be mounted, in the kubelet's words.
func (c *Controllers) unmounted(p *corev1.Pod) string {
	for i := range p.Spec.Volumes {
		v := &p.Spec.Volumes[i]
		var sources []source
		switch {
		case v.Secret != nil:
			sources = []source{{secretKind, v.Secret.SecretName, v.Secret.Items, v.Secret.Optional}}
		case v.ConfigMap != nil:
			sources = []source{{configMapKind, v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.Optional}}
		case v.Projected != nil:
			for _, s := range v.Projected.Sources {
				if s.Secret != nil {
					sources = append(sources, source{secretKind, s.Secret.Name, s.Secret.Items, s.Secret.Optional})
				}
				if s.ConfigMap != nil {
					sources = append(sources, source{configMapKind, s.ConfigMap.Name, s.ConfigMap.Items, s.ConfigMap.Optional})
				}
			}
		}
		for _, s := range sources {
			if missing := c.unresolved(p.Namespace, s); missing != "" {
				return fmt.Sprintf("MountVolume.SetUp failed for volume %q : %s", v.Name, missing)
			}
		}
	}
	return ""
}

func (c *Controllers) unresolved(namespace string, s source) string {
	if s.optional != nil && *s.optional {
		return ""
	}
	if len(s.items) == 0 {
		if _, err := c.api.Get(resources[s.kind], namespace, s.name); err != nil {
			return fmt.Sprintf("%s %q not found", lowerNames[s.kind], s.name)
		}
		return ""
	}
	keys, found := c.keysOf(s.kind, namespace, s.name)
	if !found {
		return fmt.Sprintf("%s %q not found", lowerNames[s.kind], s.name)
	}
	for _, item := range s.items {
		if _, ok := keys[item.Key]; !ok {
			return fmt.Sprintf("%s references non-existent %s key: %s", lowerNames[s.kind],
				map[kind]string{secretKind: "secret", configMapKind: "config"}[s.kind], item.Key)
		}
	}
	return ""
}

// unconfigured says which reference of a container's environment does not
// resolve, in the kubelet's words.
func (c *Controllers) unconfigured(p *corev1.Pod, container *corev1.Container) string {
	for i := range container.EnvFrom {
		e := &container.EnvFrom[i]
		var s source
		switch {
		case e.SecretRef != nil:
			s = source{kind: secretKind, name: e.SecretRef.Name, optional: e.SecretRef.Optional}
		case e.ConfigMapRef != nil:
			s = source{kind: configMapKind, name: e.ConfigMapRef.Name, optional: e.ConfigMapRef.Optional}
		default:
			continue
		}
		if missing := c.unresolved(p.Namespace, s); missing != "" {
			return missing
		}
	}
	for i := range container.Env {
		from := container.Env[i].ValueFrom
		var k kind
		var name, key string
		var optional *bool
		switch {
		case from == nil:
			continue
		case from.SecretKeyRef != nil:
			k, name, key, optional = secretKind, from.SecretKeyRef.Name, from.SecretKeyRef.Key, from.SecretKeyRef.Optional
		case from.ConfigMapKeyRef != nil:
			k, name, key, optional = configMapKind, from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Key, from.ConfigMapKeyRef.Optional
		default:
			continue
		}
		if optional != nil && *optional {
			continue
		}
		keys, found := c.keysOf(k, p.Namespace, name)
		if !found {
			return fmt.Sprintf("%s %q not found", lowerNames[k], name)
		}
		if _, ok := keys[key]; !ok {
			return fmt.Sprintf("couldn't find key %s in %s %s/%s", key, upperNames[k], p.Namespace, name)
		}
	}
	return ""
}
