package autoconfig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// lookPromxy writes promxy's configuration from the server groups there are, and
// makes promxy read it.
func (c *Controllers) lookPromxy(ctx context.Context, _ types.NamespacedName) error {
	if c.cache.get(namespaces, "", kofNamespace) == nil {
		return nil // its coming will bring us back
	}
	var groups []promxyGroup
	for _, u := range c.cache.list(promxyServerGroups, labels.SelectorFromSet(labels.Set{labelPromxySecret: promxySecret})) {
		if u.GetDeletionTimestamp() != nil {
			continue
		}
		name := promxyServerGroups.name(u.GetNamespace(), u.GetName())
		g, err := readGroup(u, c.secretFinder(ctx))
		if err != nil {
			c.warn(ctx, promxyServerGroups, u, "InvalidServerGroup", err.Error())
			continue
		}
		c.untell("InvalidServerGroup", name)
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b promxyGroup) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace))
	})
	config, err := promxyConfig(groups, c.Stack.Labels, c.Stack.Alerts.By == "promxy")
	if err != nil {
		return err
	}
	old := c.cache.get(secrets, kofNamespace, promxySecret)
	want := credentialsSecret(kofNamespace, promxySecret, map[string][]byte{promxyFile: []byte(config)})
	made, err := c.api.ensure(ctx, secrets, want)
	if err != nil {
		return err
	}
	if old == nil || old.GetResourceVersion() != made.GetResourceVersion() {
		c.reload = true
		var names []string
		for _, g := range groups {
			names = append(names, g.Cluster)
		}
		c.tell(Normal, "PromxyConfigured", secrets.name(kofNamespace, promxySecret), fmt.Sprintf("%d server groups: %s", len(groups), strings.Join(names, ", ")))
	}
	if !c.reload {
		return nil
	}
	if err := c.reloadPromxy(ctx); err != nil {
		return err
	}
	c.reload = false
	return nil
}

// secretFinder finds the data of Secrets, also of one that was made just now.
func (c *Controllers) secretFinder(ctx context.Context) func(namespace, name string) (map[string][]byte, bool) {
	return func(namespace, name string) (map[string][]byte, bool) {
		u := c.cache.get(secrets, namespace, name)
		if u == nil {
			var err error
			if u, err = c.api.of(secrets, namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
				return nil, false
			}
			c.cache.put(secrets, u)
		}
		return secretData(u), true
	}
}

// reloadPromxy posts to every promxy pod that is ready. One that starts later
// reads the new configuration anyway.
func (c *Controllers) reloadPromxy(ctx context.Context) error {
	listed, err := c.api.client.Resource(pods.GroupVersionResource).Namespace(kofNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing promxy's pods: %w", err)
	}
	var errs []error
	for i := range listed.Items {
		pod := &listed.Items[i]
		if !runsPromxy(pod) || !podReady(pod) {
			continue
		}
		_, err := c.rest.Post().AbsPath("/api/v1/namespaces", kofNamespace, "pods", pod.GetName()+":"+promxyPort, "proxy/-/reload").Do(ctx).Raw()
		if err != nil && !isMissing(err) {
			errs = append(errs, fmt.Errorf("pod %s/%s: /-/reload: %w", kofNamespace, pod.GetName(), err))
		}
	}
	return errors.Join(errs...)
}

func runsPromxy(pod *unstructured.Unstructured) bool {
	for _, item := range list(pod.Object, "spec", "containers") {
		m, _ := item.(map[string]any)
		if path.Base(repositoryOf(str(m, "image"))) == "promxy" {
			return true
		}
	}
	return false
}

func podReady(pod *unstructured.Unstructured) bool {
	status, _ := condition(dictionary(pod.Object, "status"), "Ready")
	return status == "True" && pod.GetDeletionTimestamp() == nil
}
