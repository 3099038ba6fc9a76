package rules

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Paths that most kinds share. Paths are made only where something is wrong or
// a list is entered: most objects are fine, and there are many of them.
var (
	spec = field.NewPath("spec")
	data = field.NewPath("data")
)

const (
	negative       = "must be greater than or equal to 0"
	notPositive    = "must be greater than 0"
	immutableField = "field is immutable when `immutable` is set"
)

var plainSelector = metav1validation.LabelSelectorValidationOptions{}

// invalidEach makes an error of every message of apimachinery's checks of text.
func invalidEach(path *field.Path, v any, msgs []string) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range msgs {
		errs = append(errs, field.Invalid(path, v, msg))
	}
	return errs
}

// amount is a number that may be absent and has a least value.
type amount[T int32 | int64] struct {
	name  string
	value *T
}

// nonNegative complains about those amounts of an object that are below zero.
func nonNegative[T int32 | int64](path *field.Path, list ...amount[T]) field.ErrorList {
	var errs field.ErrorList
	for _, a := range list {
		if a.value != nil && *a.value < 0 {
			errs = append(errs, field.Invalid(path.Child(a.name), *a.value, negative))
		}
	}
	return errs
}

// inOrder sorts errors that were found in a map.
func inOrder(errs field.ErrorList) field.ErrorList {
	slices.SortStableFunc(errs, func(a, b *field.Error) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Detail, b.Detail))
	})
	return errs
}

func portNumber(path *field.Path, name string, port int32) field.ErrorList {
	if port > 0 && port <= 65535 {
		return nil
	}
	return invalidEach(path.Child(name), port, validation.IsValidPortNum(int(port)))
}

// portNumberOrName checks a port that may be one of a container by its name.
func portNumberOrName(path *field.Path, name string, port intstr.IntOrString) field.ErrorList {
	if port.Type == intstr.Int {
		return portNumber(path, name, port.IntVal)
	}
	if msgs := validation.IsValidPortName(port.StrVal); len(msgs) > 0 {
		return invalidEach(path.Child(name), port.StrVal, msgs)
	}
	return nil
}

func protocol(path *field.Path, p corev1.Protocol) field.ErrorList {
	switch p {
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
		return nil
	case "":
		return field.ErrorList{field.Required(path.Child("protocol"), "")}
	}
	return oneOf(path.Child("protocol"), p, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)
}

// subdomain checks a reference to an object by name; "" is none.
func subdomain(path *field.Path, name, value string) field.ErrorList {
	if value == "" {
		return nil
	}
	if msgs := validation.IsDNS1123Subdomain(value); len(msgs) > 0 {
		return invalidEach(path.Child(name), value, msgs)
	}
	return nil
}
