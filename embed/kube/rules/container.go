package rules

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateContainer(c *corev1.Container, volumes map[string]bool, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	} else if msgs := validation.IsDNS1123Label(c.Name); len(msgs) > 0 {
		errs = append(errs, invalidEach(at.Child("name"), c.Name, msgs)...)
	}
	if c.Image == "" {
		errs = append(errs, field.Required(at.Child("image"), ""))
	}
	switch c.ImagePullPolicy {
	case corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
	default:
		errs = append(errs, oneOf(at.Child("imagePullPolicy"), c.ImagePullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	}
	errs = append(errs, validateContainerPorts(c.Ports, at)...)
	errs = append(errs, validateEnv(c.Env, at)...)
	errs = append(errs, validateEnvFrom(c.EnvFrom, at)...)
	errs = append(errs, validateMounts(c.VolumeMounts, volumes, at)...)
	errs = append(errs, validateProbes(c, at)...)
	errs = append(errs, validateSecurity(c.SecurityContext, at)...)
	return append(errs, validateResources(&c.Resources, at)...)
}

func validateContainerPorts(ports []corev1.ContainerPort, container *field.Path) field.ErrorList {
	var errs field.ErrorList
	var names []string
	for i := range ports {
		p, at := &ports[i], container.Child("ports").Index(i)
		if p.Name != "" {
			if msgs := validation.IsValidPortName(p.Name); len(msgs) > 0 {
				errs = append(errs, invalidEach(at.Child("name"), p.Name, msgs)...)
			} else if slices.Contains(names, p.Name) {
				errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
			}
			names = append(names, p.Name)
		}
		if p.ContainerPort == 0 {
			errs = append(errs, field.Required(at.Child("containerPort"), ""))
		} else {
			errs = append(errs, portNumber(at, "containerPort", p.ContainerPort)...)
		}
		if p.HostPort != 0 {
			errs = append(errs, portNumber(at, "hostPort", p.HostPort)...)
		}
		errs = append(errs, protocol(at, p.Protocol)...)
	}
	return errs
}

func validateMounts(mounts []corev1.VolumeMount, volumes map[string]bool, container *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range mounts {
		m := &mounts[i]
		at := func(name string) *field.Path { return container.Child("volumeMounts").Index(i).Child(name) }
		switch {
		case m.Name == "":
			errs = append(errs, field.Required(at("name"), ""))
		case !volumes[m.Name]:
			errs = append(errs, field.NotFound(at("name"), m.Name))
		}
		switch {
		case m.MountPath == "":
			errs = append(errs, field.Required(at("mountPath"), ""))
		case slices.ContainsFunc(mounts[:i], func(o corev1.VolumeMount) bool { return o.MountPath == m.MountPath }):
			errs = append(errs, field.Invalid(at("mountPath"), m.MountPath, "must be unique"))
		}
		if m.SubPath != "" && m.SubPathExpr != "" {
			errs = append(errs, field.Invalid(at("subPathExpr"), m.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
		}
		if m.SubPath != "" {
			errs = append(errs, relativePath(m.SubPath, at("subPath"))...)
		}
	}
	return errs
}

// relativePath checks a path that has to stay below a directory.
func relativePath(p string, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if path.IsAbs(p) {
		errs = append(errs, field.Invalid(at, p, "must be a relative path"))
	}
	return append(errs, noWayUp(p, at)...)
}

func noWayUp(p string, at *field.Path) field.ErrorList {
	if slices.Contains(strings.Split(p, "/"), "..") {
		return field.ErrorList{field.Invalid(at, p, "must not contain '..'")}
	}
	return nil
}

func validateSecurity(s *corev1.SecurityContext, container *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	var errs field.ErrorList
	at := container.Child("securityContext")
	if u := s.RunAsUser; u != nil && *u < 0 {
		errs = append(errs, invalidEach(at.Child("runAsUser"), *u, validation.IsValidUserID(*u))...)
	}
	if g := s.RunAsGroup; g != nil && *g < 0 {
		errs = append(errs, invalidEach(at.Child("runAsGroup"), *g, validation.IsValidGroupID(*g))...)
	}
	if e := s.AllowPrivilegeEscalation; e != nil && !*e && s.Privileged != nil && *s.Privileged {
		errs = append(errs, field.Invalid(at, s, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
	}
	return errs
}
