package controllers

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// defaultClass is the StorageClass of a cluster that has none of its own.
	defaultClass       = "standard"
	provisioner        = "koflab.dev/simulated"
	isDefaultClass     = "storageclass.kubernetes.io/is-default-class"
	claimProtection    = "kubernetes.io/pvc-protection"
	provisionedBy      = "pv.kubernetes.io/provisioned-by"
	bindCompleted      = "pv.kubernetes.io/bind-completed"
	boundByController  = "pv.kubernetes.io/bound-by-controller"
	volumeProvisioner  = "volume.kubernetes.io/storage-provisioner"
	volumeController   = "persistentvolume-controller"
	provisionerControl = "koflab.dev/simulated_provisioner"
)

// ensureClass makes the default StorageClass of a cluster without any.
func (c *Controllers) ensureClass() {
	if len(c.tables[classKind]) > 0 {
		return
	}
	reclaim, mode, expand := corev1.PersistentVolumeReclaimDelete, storagev1.VolumeBindingImmediate, true
	// Whoever made one of that name meanwhile has spared us the work.
	_, _ = c.api.Create(resources[classKind], &storagev1.StorageClass{
		ObjectMeta:  metav1.ObjectMeta{Name: defaultClass, Annotations: map[string]string{isDefaultClass: "true"}},
		Provisioner: provisioner, ReclaimPolicy: &reclaim, VolumeBindingMode: &mode, AllowVolumeExpansion: &expand,
	})
}

// classOf returns the StorageClass of a claim; nil if there is none.
func (c *Controllers) classOf(claim *corev1.PersistentVolumeClaim) *storagev1.StorageClass {
	if name := claim.Spec.StorageClassName; name != nil {
		e := c.tables[classKind][types.NamespacedName{Name: *name}]
		if e == nil {
			return nil
		}
		class, err := read[storagev1.StorageClass](&c.cache, e)
		if err != nil {
			return nil
		}
		return class
	}
	var best *storagev1.StorageClass
	for _, e := range c.tables[classKind] {
		class, err := read[storagev1.StorageClass](&c.cache, e)
		if err != nil || class.Annotations[isDefaultClass] != "true" {
			continue
		}
		// Of several defaults the newest holds, as in Kubernetes.
		if best == nil || class.CreationTimestamp.After(best.CreationTimestamp.Time) ||
			class.CreationTimestamp.Equal(&best.CreationTimestamp) && class.Name < best.Name {
			best = class
		}
	}
	return best
}

// syncClaim binds a claim to a volume, and lets go of one that is deleted and
// used by no pod.
func (c *Controllers) syncClaim(t task) error {
	e, claim, err := find[corev1.PersistentVolumeClaim](&c.cache, t)
	if e == nil || err != nil {
		return err
	}
	if claim.DeletionTimestamp != nil {
		return c.releaseClaim(claim)
	}
	if claim.Spec.VolumeName != "" {
		return c.bound(e, claim)
	}
	class := c.classOf(claim)
	switch {
	case class == nil:
		reason, message := "FailedBinding", "no persistent volumes available for this claim and no storage class is set"
		if name := claim.Spec.StorageClassName; name != nil && *name != "" {
			reason, message = "ProvisioningFailed", fmt.Sprintf("storageclass.storage.k8s.io %q not found", *name)
		}
		c.event(claimKind, e.obj, volumeController, corev1.EventTypeWarning, reason, message)
	case !c.waitsForConsumer(claim):
		return c.provision(e, claim, class)
	default:
		c.event(claimKind, e.obj, volumeController, corev1.EventTypeNormal, "WaitForFirstConsumer",
			"waiting for first consumer to be created before binding")
	}
	if claim.Status.Phase == corev1.ClaimPending {
		return nil
	}
	n := *claim
	n.Status.Phase = corev1.ClaimPending
	return c.writeClaim(e, &n, "status")
}

func (c *Controllers) writeClaim(e *entry, claim *corev1.PersistentVolumeClaim, subresource string) error {
	o, err := c.api.Update(resources[claimKind], claim, subresource)
	if err != nil {
		return err
	}
	c.adopt(e, o, claim, &claim.ObjectMeta)
	return nil
}

// provision makes a volume for the claim and binds them to each other.
func (c *Controllers) provision(e *entry, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) error {
	if class == nil {
		return nil
	}
	v := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name: "pvc-" + string(e.obj.UID), Annotations: map[string]string{provisionedBy: class.Provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes: slices.Clone(claim.Spec.AccessModes), VolumeMode: claim.Spec.VolumeMode, StorageClassName: class.Name,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: e.Namespace, Name: e.Name, UID: e.obj.UID, ResourceVersion: claim.ResourceVersion,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				CSI: &corev1.CSIPersistentVolumeSource{Driver: class.Provisioner, VolumeHandle: "pvc-" + string(e.obj.UID)},
			},
		},
	}
	if class.ReclaimPolicy != nil {
		v.Spec.PersistentVolumeReclaimPolicy = *class.ReclaimPolicy
	}
	if err := c.ensure(volumeKind, "", v.Name, v); err != nil {
		return err
	}
	c.drain()
	n := *claim
	n.Spec.VolumeName = v.Name
	n.Spec.StorageClassName = &class.Name
	n.Annotations = with(n.Annotations, bindCompleted, "yes")
	n.Annotations[boundByController], n.Annotations[volumeProvisioner] = "yes", class.Provisioner
	if !slices.Contains(n.Finalizers, claimProtection) {
		n.Finalizers = append(slices.Clone(n.Finalizers), claimProtection)
	}
	if err := c.writeClaim(e, &n, ""); err != nil {
		return err
	}
	c.event(claimKind, e.obj, provisionerControl, corev1.EventTypeNormal, "ProvisioningSucceeded", "Successfully provisioned volume "+v.Name)
	return c.bound(e, &n)
}

// bound keeps the status of a claim that names its volume.
func (c *Controllers) bound(e *entry, claim *corev1.PersistentVolumeClaim) error {
	ve, v, err := find[corev1.PersistentVolume](&c.cache, task{volumeKind, types.NamespacedName{Name: claim.Spec.VolumeName}})
	if err != nil {
		return err
	}
	n := *claim
	switch {
	case ve == nil && claim.Status.Phase == corev1.ClaimBound:
		n.Status.Phase = corev1.ClaimLost
		c.event(claimKind, e.obj, volumeController, corev1.EventTypeWarning, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
	case ve == nil:
		n.Status.Phase = corev1.ClaimPending // its volume may come
	default:
		if v.Spec.ClaimRef == nil { // a volume made by hand, chosen by name
			taken := *v
			taken.Spec.ClaimRef = &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: e.Namespace, Name: e.Name, UID: e.obj.UID,
			}
			o, err := c.api.Update(resources[volumeKind], &taken, "")
			if err != nil {
				return err
			}
			c.adopt(ve, o, &taken, &taken.ObjectMeta)
			c.queue.add(ve.task)
			v = &taken
		}
		n.Status.Phase, n.Status.AccessModes, n.Status.Capacity = corev1.ClaimBound, v.Spec.AccessModes, v.Spec.Capacity
	}
	if equal(&n.Status, &claim.Status) {
		return nil
	}
	if err := c.writeClaim(e, &n, "status"); err != nil {
		return err
	}
	c.wakePending()
	return nil
}

// releaseClaim lets a deleted claim go once no pod uses it.
func (c *Controllers) releaseClaim(claim *corev1.PersistentVolumeClaim) error {
	if !slices.Contains(claim.Finalizers, claimProtection) {
		return nil
	}
	for p := range c.podsIn[claim.Namespace] {
		if p.finished() {
			continue
		}
		spec, err := c.podSpec(p)
		if err != nil {
			return err
		}
		if slices.Contains(claimsOf(spec), claim.Name) {
			return nil // its removal brings us back
		}
	}
	n := *claim
	n.Finalizers = slices.DeleteFunc(slices.Clone(n.Finalizers), func(f string) bool { return f == claimProtection })
	_, err := c.api.Update(resources[claimKind], &n, "")
	return err
}

// syncVolume keeps a volume's phase and reclaims it when its claim is gone.
func (c *Controllers) syncVolume(t task) error {
	e, v, err := find[corev1.PersistentVolume](&c.cache, t)
	if e == nil || err != nil || v.DeletionTimestamp != nil {
		return err
	}
	phase := corev1.VolumeAvailable
	if r := v.Spec.ClaimRef; r != nil {
		name := types.NamespacedName{Namespace: r.Namespace, Name: r.Name}
		claim := c.tables[claimKind][name]
		phase = corev1.VolumeBound
		if claim == nil || r.UID != "" && claim.obj.UID != r.UID {
			if v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
				return c.api.Delete(resources[volumeKind], "", t.Name, metav1.DeleteOptions{})
			}
			phase = corev1.VolumeReleased
		} else {
			c.queue.add(claim.task)
		}
	}
	if v.Status.Phase == phase {
		return nil
	}
	n := *v
	now := metav1.NewTime(c.now())
	n.Status.Phase, n.Status.LastPhaseTransitionTime = phase, &now
	o, err := c.api.Update(resources[volumeKind], &n, "status")
	if err != nil {
		return err
	}
	c.adopt(e, o, &n, &n.ObjectMeta)
	return nil
}
