package kube

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The ranges of a cluster made by kubeadm.
const (
	serviceHosts  = 1<<12 - 2 // of 10.96.0.0/20
	firstNodePort = 30000
	nodePorts     = 2768
)

// portAllocator hands out what services get from the cluster. Addresses depend
// on the service's name and the seed alone, unless two want the same.
type portAllocator struct {
	seed  uint64
	ips   map[string]string // address -> namespace/name
	ports map[int32]string
}

func newPortAllocator(seed uint64) portAllocator {
	return portAllocator{seed: seed, ips: map[string]string{}, ports: map[int32]string{}}
}

// allocate gives a service its address and node ports.
func (s *Server) allocate(r *resource, obj runtime.Object) error {
	svc, ok := obj.(*corev1.Service)
	if !ok || r.gr() != servicesGR {
		return nil
	}
	owner := svc.Namespace + "/" + svc.Name
	var errs field.ErrorList
	if svc.Spec.Type != corev1.ServiceTypeExternalName && svc.Spec.ClusterIP != corev1.ClusterIPNone {
		switch holder, taken := s.ports.ips[svc.Spec.ClusterIP]; {
		case svc.Spec.ClusterIP == "":
			svc.Spec.ClusterIP = s.freeIP(owner)
		case taken && holder != owner:
			errs = append(errs, field.Invalid(field.NewPath("spec", "clusterIPs"), []string{svc.Spec.ClusterIP},
				"failed to allocate IP "+svc.Spec.ClusterIP+": provided IP is already allocated"))
		}
	}
	if svc.Spec.ClusterIP != "" {
		svc.Spec.ClusterIPs = []string{svc.Spec.ClusterIP}
	}
	wantsPorts := svc.Spec.Type == corev1.ServiceTypeNodePort || svc.Spec.Type == corev1.ServiceTypeLoadBalancer &&
		(svc.Spec.AllocateLoadBalancerNodePorts == nil || *svc.Spec.AllocateLoadBalancerNodePorts)
	mine := map[int32]bool{}
	for i := range svc.Spec.Ports {
		p := &svc.Spec.Ports[i]
		holder, taken := s.ports.ports[p.NodePort]
		switch {
		case !wantsPorts:
		case p.NodePort == 0:
			p.NodePort = s.freePort(owner, p.Name, p.Port, mine)
			mine[p.NodePort] = true
		case taken && holder != owner:
			errs = append(errs, field.Invalid(field.NewPath("spec", "ports").Index(i).Child("nodePort"), p.NodePort, "provided port is already allocated"))
		case p.NodePort < firstNodePort || p.NodePort >= firstNodePort+nodePorts:
			errs = append(errs, field.Invalid(field.NewPath("spec", "ports").Index(i).Child("nodePort"), p.NodePort,
				fmt.Sprintf("provided port is not in the valid range. The range of valid ports is %d-%d", firstNodePort, firstNodePort+nodePorts-1)))
		}
	}
	if len(errs) > 0 {
		return apierrors.NewInvalid(r.gvk.GroupKind(), svc.Name, errs)
	}
	if svc.Spec.ClusterIP != "" && svc.Spec.ClusterIP != corev1.ClusterIPNone {
		s.ports.ips[svc.Spec.ClusterIP] = owner
	}
	for _, p := range svc.Spec.Ports {
		if p.NodePort != 0 {
			s.ports.ports[p.NodePort] = owner
		}
	}
	return nil
}

// release takes back what a service had, but for what keeper (may be nil) has.
func (s *Server) release(r *resource, obj, keeper runtime.Object) {
	svc, ok := obj.(*corev1.Service)
	if !ok || r.gr() != servicesGR {
		return
	}
	owner := svc.Namespace + "/" + svc.Name
	kept, _ := keeper.(*corev1.Service)
	if s.ports.ips[svc.Spec.ClusterIP] == owner && (kept == nil || kept.Spec.ClusterIP != svc.Spec.ClusterIP) {
		delete(s.ports.ips, svc.Spec.ClusterIP)
	}
	still := map[int32]bool{}
	if kept != nil {
		for _, p := range kept.Spec.Ports {
			still[p.NodePort] = true
		}
	}
	for _, p := range svc.Spec.Ports {
		if s.ports.ports[p.NodePort] == owner && !still[p.NodePort] {
			delete(s.ports.ports, p.NodePort)
		}
	}
}

func (s *Server) freeIP(owner string) string {
	d := s.digest("clusterIP", owner)
	n := binary.BigEndian.Uint32(d[:])
	base := binary.BigEndian.Uint32([]byte{10, 96, 0, 0})
	for i := uint32(0); i < serviceHosts; i++ {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], base+2+(n+i)%(serviceHosts-1)) // .1 is the API's
		ip := netip.AddrFrom4(b).String()
		if _, taken := s.ports.ips[ip]; !taken {
			return ip
		}
	}
	return "" // 4 093 services: validation says that the address is missing
}

func (s *Server) freePort(owner, name string, port int32, mine map[int32]bool) int32 {
	d := s.digest("nodePort", owner, name, fmt.Sprint(port))
	n := binary.BigEndian.Uint32(d[:])
	for i := uint32(0); i < nodePorts; i++ {
		p := firstNodePort + int32((n+i)%nodePorts)
		if _, taken := s.ports.ports[p]; !taken && !mine[p] {
			return p
		}
	}
	return 0
}
