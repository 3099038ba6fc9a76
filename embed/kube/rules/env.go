package rules

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What a container may be told about its pod and itself.
var (
	podFields = []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
	}
	// otherFields can be selected by, but not told.
	otherFields = []string{
		"metadata.annotations", "metadata.labels", "spec.hostNetwork", "spec.restartPolicy", "spec.schedulerName",
		"status.nominatedNodeName", "status.phase",
	}
	resourceFields = []string{
		"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory",
	}
)

func validateEnv(env []corev1.EnvVar, container *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range env {
		e := &env[i]
		at := func(name string) *field.Path { return container.Child("env").Index(i).Child(name) }
		if e.Name == "" {
			errs = append(errs, field.Required(at("name"), ""))
		} else if msgs := validation.IsRelaxedEnvVarName(e.Name); len(msgs) > 0 {
			errs = append(errs, invalidEach(at("name"), e.Name, msgs)...)
		}
		if e.ValueFrom != nil {
			errs = append(errs, validateEnvSource(e, at("valueFrom"))...)
		}
	}
	return errs
}

func validateEnvSource(e *corev1.EnvVar, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	f, sources := e.ValueFrom, 0
	if r := f.FieldRef; r != nil {
		sources++
		errs = append(errs, validateFieldRef(r, at.Child("fieldRef"))...)
	}
	if r := f.ResourceFieldRef; r != nil {
		sources++
		switch {
		case r.Resource == "":
			errs = append(errs, field.Required(at.Child("resourceFieldRef", "resource"), ""))
		case !slices.Contains(resourceFields, r.Resource) && !strings.Contains(r.Resource, corev1.ResourceHugePagesPrefix):
			errs = append(errs, field.NotSupported(at.Child("resourceFieldRef", "resource"), r.Resource, resourceFields))
		}
	}
	if r := f.ConfigMapKeyRef; r != nil {
		sources++
		errs = append(errs, validateKey(r.Key, at.Child("configMapKeyRef", "key"))...)
	}
	if r := f.SecretKeyRef; r != nil {
		sources++
		errs = append(errs, validateKey(r.Key, at.Child("secretKeyRef", "key"))...)
	}
	if f.FileKeyRef != nil {
		sources++
	}
	switch {
	case sources == 0:
		errs = append(errs, field.Invalid(at, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
	case e.Value != "":
		errs = append(errs, field.Invalid(at, "", "may not be specified when `value` is not empty"))
	case sources > 1:
		errs = append(errs, field.Invalid(at, "", "may not have more than one field specified at a time"))
	}
	return errs
}

func validateFieldRef(r *corev1.ObjectFieldSelector, at *field.Path) field.ErrorList {
	switch {
	case r.FieldPath == "":
		return field.ErrorList{field.Required(at.Child("fieldPath"), "")}
	case slices.Contains(podFields, r.FieldPath),
		strings.HasPrefix(r.FieldPath, "metadata.labels['"), strings.HasPrefix(r.FieldPath, "metadata.annotations['"):
		return nil
	case slices.Contains(otherFields, r.FieldPath):
		return field.ErrorList{field.NotSupported(at.Child("fieldPath"), r.FieldPath, podFields)}
	}
	return field.ErrorList{field.Invalid(at.Child("fieldPath"), r.FieldPath, "error converting fieldPath: field label not supported: "+r.FieldPath)}
}

func validateKey(key string, at *field.Path) field.ErrorList {
	if key == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	return invalidEach(at, key, validation.IsConfigMapKey(key))
}

func validateEnvFrom(list []corev1.EnvFromSource, container *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, f := range list {
		at := container.Child("envFrom").Index(i)
		if f.Prefix != "" {
			errs = append(errs, invalidEach(at.Child("prefix"), f.Prefix, validation.IsRelaxedEnvVarName(f.Prefix))...)
		}
		if f.ConfigMapRef != nil && f.ConfigMapRef.Name == "" {
			errs = append(errs, field.Required(at.Child("configMapRef", "name"), ""))
		}
		if f.SecretRef != nil && f.SecretRef.Name == "" {
			errs = append(errs, field.Required(at.Child("secretRef", "name"), ""))
		}
		switch {
		case f.ConfigMapRef == nil && f.SecretRef == nil:
			errs = append(errs, field.Invalid(at, "", "must specify one of: `configMapRef` or `secretRef`"))
		case f.ConfigMapRef != nil && f.SecretRef != nil:
			errs = append(errs, field.Invalid(at, "", "may not have more than one field specified at a time"))
		}
	}
	return errs
}
