package rules

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateValidatingWebhook(c *admissionregistrationv1.ValidatingWebhookConfiguration) field.ErrorList {
	var errs field.ErrorList
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		errs = append(errs, validateWebhook(w.Name, w.SideEffects, w.AdmissionReviewVersions, &w.ClientConfig, w.TimeoutSeconds, i)...)
	}
	return errs
}

func validateMutatingWebhook(c *admissionregistrationv1.MutatingWebhookConfiguration) field.ErrorList {
	var errs field.ErrorList
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		errs = append(errs, validateWebhook(w.Name, w.SideEffects, w.AdmissionReviewVersions, &w.ClientConfig, w.TimeoutSeconds, i)...)
	}
	return errs
}

func validateWebhook(name string, effects *admissionregistrationv1.SideEffectClass, versions []string,
	target *admissionregistrationv1.WebhookClientConfig, timeout *int32, i int) field.ErrorList {
	at := field.NewPath("webhooks").Index(i)
	errs := validation.IsFullyQualifiedName(at.Child("name"), name)
	switch {
	case effects == nil:
		errs = append(errs, field.Required(at.Child("sideEffects"), "must specify one of None, NoneOnDryRun"))
	case *effects != admissionregistrationv1.SideEffectClassNone && *effects != admissionregistrationv1.SideEffectClassNoneOnDryRun:
		errs = append(errs, oneOf(at.Child("sideEffects"), *effects, admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.SideEffectClassNoneOnDryRun)...)
	}
	if len(versions) == 0 {
		errs = append(errs, field.Required(at.Child("admissionReviewVersions"), "must specify one of v1, v1beta1"))
	}
	if timeout != nil && (*timeout < 1 || *timeout > 30) {
		errs = append(errs, field.Invalid(at.Child("timeoutSeconds"), *timeout, "the timeout value must be between 1 and 30 seconds"))
	}
	switch {
	case target.URL == nil && target.Service == nil || target.URL != nil && target.Service != nil:
		errs = append(errs, field.Required(at.Child("clientConfig"), "exactly one of url or service is required"))
	case target.Service != nil && target.Service.Name == "":
		errs = append(errs, field.Required(at.Child("clientConfig", "service", "name"), "service name is required"))
	case target.Service != nil && target.Service.Namespace == "":
		errs = append(errs, field.Required(at.Child("clientConfig", "service", "namespace"), "service namespace is required"))
	}
	return errs
}
