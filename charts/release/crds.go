package release

import (
	"bytes"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"
)

// crdTimeout bounds the wait until new kinds are served.
const crdTimeout = time.Minute

// crdFile is a CRD of a chart that is to be created.
type crdFile struct{ info *resource.Info }

// missingCRD returns the CRDs of a file of which the cluster serves no version.
func (o *operation) missingCRD(f chart.CRD) ([]crdFile, error) {
	list, err := o.Build(bytes.NewReader(f.File.Data), true)
	if err != nil {
		return nil, err
	}
	var missing []crdFile
	for _, info := range list {
		u, ok := info.Object.(*unstructured.Unstructured)
		if !ok || !isCRD(info) {
			continue
		}
		served, err := o.serves(u)
		if err != nil {
			return nil, err
		}
		if !served {
			info.Source = f.Filename
			missing = append(missing, crdFile{info})
		}
	}
	return missing, nil
}

func (o *operation) serves(crd *unstructured.Unstructured) (bool, error) {
	a, err := o.client.served(o.ctx, false)
	if err != nil {
		return false, err
	}
	group, kind := text(crd, "spec", "group"), text(crd, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	o.client.mu.Lock()
	defer o.client.mu.Unlock()
	for _, v := range versions {
		v, _ := v.(map[string]any)
		name, _ := v["name"].(string)
		if _, ok := a.find(schema.GroupVersionKind{Group: group, Version: name, Kind: kind}); ok {
			return true, nil
		}
	}
	return false, nil
}

func (o *operation) createCRDs(files []crdFile) error {
	var list kube.ResourceList
	for _, f := range files {
		err := o.create(f.info)
		if apierrors.IsAlreadyExists(err) {
			continue
		}
		if err != nil {
			return err
		}
		list = append(list, f.info)
	}
	if len(list) == 0 {
		return nil
	}
	if err := o.await(list, crdTimeout, nil); err != nil {
		return fmt.Errorf("new kinds: %w", err)
	}
	return nil
}
