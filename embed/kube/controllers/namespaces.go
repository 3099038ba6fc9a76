package controllers

import (
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rootCAName is the ConfigMap in every namespace that lets pods trust the API server.
const rootCAName = "kube-root-ca.crt"

// syncNamespace gives every namespace its default ServiceAccount and root certificate.
func (c *Controllers) syncNamespace(t task) error {
	e := c.tables[namespaceKind][t.NamespacedName]
	if e == nil || e.obj.Deleting {
		return nil
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: t.Name, Name: "default"}}
	root := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.Name, Name: rootCAName, Annotations: map[string]string{
			"kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. " +
				"No other usage is guaranteed across distributions of Kubernetes clusters.",
		}},
		Data: map[string]string{"ca.crt": c.rootCA},
	}
	if err := c.ensure(accountKind, t.Name, account.Name, account); err != nil {
		return err
	}
	return c.ensure(configMapKind, t.Name, root.Name, root)
}

// ensure creates an object unless there is one of its name.
func (c *Controllers) ensure(k kind, namespace, name string, o any) error {
	if _, err := c.api.Get(resources[k], namespace, name); err == nil {
		return nil
	}
	if _, err := c.api.Create(resources[k], o); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}
