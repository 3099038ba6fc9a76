package operators

import "k8s.io/apimachinery/pkg/runtime/schema"

// The operators by their index in operatorTable.
const (
	victoriaOperator = iota
	telemetryOperator
	jaegerOperator
	grafanaOperator
	certManager
	externalDNS
	ingressNginx
	istiod
	istioCSR
	operatorCount
)

// operatorTable says which image is which operator. It is filled once, by init,
// since operators refer to each other through it.
var operatorTable = make([]*operator, operatorCount)

var (
	// owners is the operator that reconciles a resource.
	owners = map[schema.GroupResource]int{}
	// ownerKinds are the resources of the kinds that own children.
	ownerKinds = map[schema.GroupKind]schema.GroupResource{}
	// watchers are the operators that a change of others' resources concerns.
	watchers = map[schema.GroupResource][]int{}
	// interesting are all resources whose changes are looked at.
	interesting = map[schema.GroupResource]bool{
		pods: true, secrets: true, configMaps: true, services: true, serviceAccounts: true,
		deployments: true, statefulSets: true, daemonSets: true,
	}
	// imageMarks are the images of operatorTable as they stand in JSON.
	imageMarks = make([][][]byte, operatorCount)
)

func init() {
	operatorTable[victoriaOperator] = newVictoriaOperator()
	operatorTable[telemetryOperator] = newTelemetryOperator()
	operatorTable[jaegerOperator] = newJaegerOperator()
	operatorTable[grafanaOperator] = newGrafanaOperator()
	operatorTable[certManager] = newCertManager()
	operatorTable[externalDNS] = newExternalDNS()
	operatorTable[ingressNginx] = newIngressNginx()
	operatorTable[istiod] = newIstiod()
	operatorTable[istioCSR] = newIstioCSR()
	for op, o := range operatorTable {
		for _, image := range o.images {
			imageMarks[op] = append(imageMarks[op], []byte(image+":"), []byte(image+"@"))
		}
		for _, gr := range o.owns {
			owners[gr] = op
			interesting[gr] = true
		}
		for kind, gr := range o.kinds {
			ownerKinds[schema.GroupKind{Group: gr.Group, Kind: kind}] = gr
		}
		for _, gr := range o.watches {
			watchers[gr] = append(watchers[gr], op)
			interesting[gr] = true
		}
	}
}
