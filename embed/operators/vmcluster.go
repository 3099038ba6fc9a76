package operators

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

type vmCluster = custom[vmClusterSpec]

type vmClusterSpec struct {
	RetentionPeriod    string                        `json:"retentionPeriod"`
	ReplicationFactor  *int32                        `json:"replicationFactor"`
	ClusterVersion     string                        `json:"clusterVersion"`
	ServiceAccountName string                        `json:"serviceAccountName"`
	UseStrictSecurity  *bool                         `json:"useStrictSecurity"`
	ImagePullSecrets   []corev1.LocalObjectReference `json:"imagePullSecrets"`
	Paused             bool                          `json:"paused"`

	Storage *struct {
		victoriaPod     `json:",inline"`
		Storage         *victoriaStorage `json:"storage"`
		StorageDataPath string           `json:"storageDataPath"`
		VMInsertPort    string           `json:"vmInsertPort"`
		VMSelectPort    string           `json:"vmSelectPort"`
	} `json:"vmstorage"`
	Select *struct {
		victoriaPod      `json:",inline"`
		StorageSpec      *victoriaStorage `json:"storage"`
		PersistentVolume *victoriaStorage `json:"persistentVolume"`
		CacheMountPath   string           `json:"cacheMountPath"`
	} `json:"vmselect"`
	Insert *struct {
		victoriaPod `json:",inline"`
	} `json:"vminsert"`
}

// buildVMCluster returns the objects that make a VictoriaMetrics cluster run.
func buildVMCluster(cr *vmCluster) ([]child, error) {
	s := cr.Spec
	if s.RetentionPeriod == "" {
		// A bare number is months to VictoriaMetrics, and so is upstream's default.
		s.RetentionPeriod = "1"
	}
	account := orDefault(s.ServiceAccountName, "vmcluster-"+cr.Name)
	base := victoriaWorkload{
		namespace: cr.Namespace, name: cr.Name, serviceAccount: account,
		tag: orDefault(s.ClusterVersion, victoriaClusterVersion), strict: deref(s.UseStrictSecurity, false), health: "/health",
	}
	var out []child
	if s.ServiceAccountName == "" {
		out = append(out, victoriaAccount(cr.Namespace, account, map[string]string{
			labelName: "vmcluster", labelInstance: cr.Name, labelComponent: "monitoring", "managed-by": "vm-operator",
		}))
	}
	var toInsert, toSelect string
	if st := s.Storage; st != nil {
		objects, insertAt, selectAt, err := s.storage(base)
		if err != nil {
			return nil, fmt.Errorf("vmstorage: %w", err)
		}
		out = append(out, objects...)
		n, err := st.replicas()
		if err != nil {
			return nil, fmt.Errorf("vmstorage: %w", err)
		}
		toInsert = strings.Join(nodes(cr.Namespace, "vmstorage-"+cr.Name, n, insertAt), ",")
		toSelect = strings.Join(nodes(cr.Namespace, "vmstorage-"+cr.Name, n, selectAt), ",")
	}
	if s.Select != nil {
		objects, err := s.selects(base, toSelect)
		if err != nil {
			return nil, fmt.Errorf("vmselect: %w", err)
		}
		out = append(out, objects...)
	}
	if s.Insert != nil {
		objects, err := s.inserts(base, toInsert)
		if err != nil {
			return nil, fmt.Errorf("vminsert: %w", err)
		}
		out = append(out, objects...)
	}
	return out, nil
}

func (s *vmClusterSpec) storage(w victoriaWorkload) (objects []child, insertAt, selectAt int32, err error) {
	st := s.Storage
	number, err := port(st.Port, storagePort)
	if err != nil {
		return nil, 0, 0, err
	}
	if insertAt, err = port(st.VMInsertPort, storageInsertPort); err != nil {
		return nil, 0, 0, err
	}
	if selectAt, err = port(st.VMSelectPort, storageSelectPort); err != nil {
		return nil, 0, 0, err
	}
	path := orDefault(st.StorageDataPath, "/vm-data")
	w.component, w.image = "vmstorage", "victoriametrics/vmstorage"
	w.requests = corev1.ResourceRequirements{Requests: resourceList("250m", "500Mi"), Limits: resourceList("1", "1500Mi")}
	w.flags = flags{
		"retentionPeriod": s.RetentionPeriod, "storageDataPath": path,
		"httpListenAddr": fmt.Sprintf(":%d", number),
		"vminsertAddr":   fmt.Sprintf(":%d", insertAt),
		"vmselectAddr":   fmt.Sprintf(":%d", selectAt),
	}
	s.deduplicate(w.flags)
	w.ports = []corev1.ContainerPort{
		containerPort("http", number), containerPort("vminsert", insertAt), containerPort("vmselect", selectAt),
	}
	st.ImagePullSecrets = append(st.ImagePullSecrets, s.ImagePullSecrets...)
	return []child{
		service(w.namespace, w.fullName(), w.selector(), w.selector(), true,
			servicePort("http", number), servicePort("vminsert", insertAt), servicePort("vmselect", selectAt)),
		st.statefulSet(w, "vmstorage-db", path, st.Storage),
	}, insertAt, selectAt, nil
}

func (s *vmClusterSpec) selects(w victoriaWorkload, storageNodes string) ([]child, error) {
	se := s.Select
	number, err := port(se.Port, selectPort)
	if err != nil {
		return nil, err
	}
	n, err := se.replicas()
	if err != nil {
		return nil, err
	}
	path := orDefault(se.CacheMountPath, "/select-cache")
	w.component, w.image = "vmselect", "victoriametrics/vmselect"
	w.requests = corev1.ResourceRequirements{Requests: resourceList("100m", "500Mi"), Limits: resourceList("500m", "1000Mi")}
	w.flags = flags{"cacheDataPath": path, "httpListenAddr": fmt.Sprintf(":%d", number)}
	if storageNodes != "" {
		w.flags["storageNode"] = storageNodes
	}
	w.flags["selectNode"] = strings.Join(nodes(w.namespace, w.fullName(), n, number), ",")
	s.deduplicate(w.flags)
	s.replicate(w.flags)
	w.ports = []corev1.ContainerPort{containerPort("http", number)}
	storage := se.StorageSpec
	if storage == nil {
		storage = se.PersistentVolume
	}
	se.ImagePullSecrets = append(se.ImagePullSecrets, s.ImagePullSecrets...)
	return []child{
		service(w.namespace, w.fullName(), w.selector(), w.selector(), true, servicePort("http", number)),
		se.statefulSet(w, "vmselect-cachedir", path, storage),
	}, nil
}

func (s *vmClusterSpec) inserts(w victoriaWorkload, storageNodes string) ([]child, error) {
	in := s.Insert
	number, err := port(in.Port, insertPort)
	if err != nil {
		return nil, err
	}
	if _, err := in.replicas(); err != nil {
		return nil, err
	}
	w.component, w.image = "vminsert", "victoriametrics/vminsert"
	w.requests = corev1.ResourceRequirements{Requests: resourceList("150m", "200Mi"), Limits: resourceList("500m", "500Mi")}
	w.flags = flags{"httpListenAddr": fmt.Sprintf(":%d", number)}
	if storageNodes != "" {
		w.flags["storageNode"] = storageNodes
	}
	s.replicate(w.flags)
	w.ports = []corev1.ContainerPort{containerPort("http", number)}
	in.ImagePullSecrets = append(in.ImagePullSecrets, s.ImagePullSecrets...)
	return []child{
		service(w.namespace, w.fullName(), w.selector(), w.selector(), false, servicePort("http", number)),
		in.deployment(w),
	}, nil
}

// deduplicate makes readers drop the copies that replication writes.
func (s *vmClusterSpec) deduplicate(f flags) {
	if deref(s.ReplicationFactor, 1) > 1 {
		f["dedup.minScrapeInterval"] = "1ms"
	}
}

func (s *vmClusterSpec) replicate(f flags) {
	if n := deref(s.ReplicationFactor, 1); n > 1 {
		f["replicationFactor"] = strconv.Itoa(int(n))
	}
}
