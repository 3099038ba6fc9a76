package rules

import (
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateConfigMap(c *corev1.ConfigMap) field.ErrorList {
	var errs field.ErrorList
	size := 0
	for k, v := range c.Data {
		if msgs := validation.IsConfigMapKey(k); len(msgs) > 0 {
			errs = append(errs, invalidEach(data.Key(k), k, msgs)...)
		}
		if _, ok := c.BinaryData[k]; ok {
			errs = append(errs, field.Invalid(data.Key(k), k, "duplicate of key present in binaryData"))
		}
		size += len(v)
	}
	for k, v := range c.BinaryData {
		at := field.NewPath("binaryData").Key(k)
		errs = append(errs, invalidEach(at, k, validation.IsConfigMapKey(k))...)
		if _, ok := c.Data[k]; ok {
			errs = append(errs, field.Invalid(at, k, "duplicate of key present in data"))
		}
		size += len(v)
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", corev1.MaxSecretSize))
	}
	return inOrder(errs)
}

func updateConfigMap(c, old *corev1.ConfigMap) field.ErrorList {
	if old.Immutable == nil || !*old.Immutable {
		return nil
	}
	errs := keepImmutable(c.Immutable)
	if !apiequality.Semantic.DeepEqual(c.Data, old.Data) {
		errs = append(errs, field.Forbidden(data, immutableField))
	}
	if !apiequality.Semantic.DeepEqual(c.BinaryData, old.BinaryData) {
		errs = append(errs, field.Forbidden(field.NewPath("binaryData"), immutableField))
	}
	return errs
}

func keepImmutable(now *bool) field.ErrorList {
	if now == nil || !*now {
		return field.ErrorList{field.Forbidden(field.NewPath("immutable"), immutableField)}
	}
	return nil
}
