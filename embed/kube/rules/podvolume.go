package rules

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateVolumes checks a pod's volumes and returns their names, for mounts.
func validateVolumes(list []corev1.Volume, pod *field.Path) (field.ErrorList, map[string]bool) {
	if len(list) == 0 {
		return nil, nil
	}
	var errs field.ErrorList
	names := make(map[string]bool, len(list))
	for i := range list {
		v, at := &list[i], pod.Child("volumes").Index(i)
		if v.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else if msgs := validation.IsDNS1123Label(v.Name); len(msgs) > 0 {
			errs = append(errs, invalidEach(at.Child("name"), v.Name, msgs)...)
		} else if names[v.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), v.Name))
		}
		names[v.Name] = true
		errs = append(errs, validateVolumeSource(&v.VolumeSource, at)...)
	}
	return errs, names
}

func validateVolumeSource(s *corev1.VolumeSource, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	n := 0
	// only the first source is looked at, all others are too many
	first := func(name string, set bool) bool {
		if !set {
			return false
		}
		n++
		if n > 1 {
			errs = append(errs, field.Forbidden(at.Child(name), "may not specify more than 1 volume type"))
		}
		return n == 1
	}
	required := func(value string, path ...string) {
		if value == "" {
			errs = append(errs, field.Required(at.Child(path[0], path[1:]...), ""))
		}
	}
	if first("emptyDir", s.EmptyDir != nil) && s.EmptyDir.SizeLimit != nil && s.EmptyDir.SizeLimit.Sign() < 0 {
		errs = append(errs, field.Forbidden(at.Child("emptyDir", "sizeLimit"), "SizeLimit field must be a valid resource quantity"))
	}
	if first("hostPath", s.HostPath != nil) {
		required(s.HostPath.Path, "hostPath", "path")
		errs = append(errs, noWayUp(s.HostPath.Path, at.Child("hostPath", "path"))...)
	}
	if first("secret", s.Secret != nil) {
		required(s.Secret.SecretName, "secret", "secretName")
		errs = append(errs, validateItems(s.Secret.DefaultMode, s.Secret.Items, at, "secret")...)
	}
	if first("nfs", s.NFS != nil) {
		required(s.NFS.Server, "nfs", "server")
		required(s.NFS.Path, "nfs", "path")
	}
	if first("persistentVolumeClaim", s.PersistentVolumeClaim != nil) {
		required(s.PersistentVolumeClaim.ClaimName, "persistentVolumeClaim", "claimName")
	}
	if first("configMap", s.ConfigMap != nil) {
		required(s.ConfigMap.Name, "configMap", "name")
		errs = append(errs, validateItems(s.ConfigMap.DefaultMode, s.ConfigMap.Items, at, "configMap")...)
	}
	if first("csi", s.CSI != nil) {
		required(s.CSI.Driver, "csi", "driver")
	}
	first("downwardAPI", s.DownwardAPI != nil)
	first("projected", s.Projected != nil)
	first("ephemeral", s.Ephemeral != nil)
	first("image", s.Image != nil)
	first("iscsi", s.ISCSI != nil)
	return errs
}

// validateItems checks the files that a Secret or ConfigMap is mounted as.
func validateItems(mode *int32, items []corev1.KeyToPath, volume *field.Path, source string) field.ErrorList {
	var errs field.ErrorList
	if mode != nil && (*mode < 0 || *mode > 0o777) {
		errs = append(errs, field.Invalid(volume.Child(source, "defaultMode"), *mode, "must be a number between 0 and 0777 (octal), both inclusive"))
	}
	for i, item := range items {
		at := volume.Child(source, "items").Index(i)
		if item.Key == "" {
			errs = append(errs, field.Required(at.Child("key"), ""))
		}
		if item.Path == "" {
			errs = append(errs, field.Required(at.Child("path"), ""))
		}
		errs = append(errs, relativePath(item.Path, at.Child("path"))...)
	}
	return errs
}
