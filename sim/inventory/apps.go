package inventory

import (
	"strconv"
	"time"
)

// An application of a lab is a web shop. With few workloads only the first of
// these services exist and calls to the others fall away; with many, the shop
// stands several times, in namespaces of its own.

type appSpec struct {
	name, namespace string
	replicas        int
	cpu, mem        int // requests: millicores, MiB; limits are four and two times that
	operations      []opSpec
}

type opSpec struct {
	method, route string
	weight        int // share among the roots of traces; 0 when only called by others
	median        time.Duration
	errors        float64 // ratio of requests that fail by the service's own fault
	statement     string  // SQL it runs on the shop's database
	calls         []string
	optional      bool // callers answer without it
}

const ms = time.Millisecond

var shop = []appSpec{
	{"frontend", "shop", 2, 100, 128, []opSpec{
		{method: "GET", route: "/", weight: 5, median: 6 * ms, errors: .002, calls: []string{"catalog GET /products", "ads GET /ads"}},
		{method: "GET", route: "/products/{id}", weight: 4, median: 5 * ms, errors: .002, calls: []string{"catalog GET /products/{id}", "recommendation GET /recommendations"}},
		{method: "POST", route: "/cart", weight: 2, median: 5 * ms, errors: .002, calls: []string{"cart POST /items"}},
		{method: "POST", route: "/checkout", weight: 1, median: 8 * ms, errors: .004, calls: []string{"auth POST /token/verify", "checkout POST /orders"}},
	}},
	{"catalog", "shop", 2, 100, 128, []opSpec{
		{method: "GET", route: "/products", median: 4 * ms, errors: .004, statement: "SELECT id, name, price FROM products ORDER BY rank LIMIT $1"},
		{method: "GET", route: "/products/{id}", median: 3 * ms, errors: .004, statement: "SELECT id, name, price, description FROM products WHERE id = $1", calls: []string{"stock GET /stock/{sku}"}},
	}},
	{"cart", "shop", 1, 50, 64, []opSpec{
		{method: "POST", route: "/items", median: 4 * ms, errors: .006, statement: "INSERT INTO cart_items (cart_id, sku, quantity) VALUES ($1, $2, $3)"},
		{method: "GET", route: "/carts/{id}", median: 3 * ms, errors: .004, statement: "SELECT sku, quantity FROM cart_items WHERE cart_id = $1"},
	}},
	{"checkout", "shop", 1, 100, 128, []opSpec{
		{method: "POST", route: "/orders", median: 12 * ms, errors: .01, statement: "INSERT INTO orders (id, cart_id, total) VALUES ($1, $2, $3)",
			calls: []string{"cart GET /carts/{id}", "payment POST /charges", "shipping POST /shipments", "email POST /confirmations"}},
	}},
	{"payment", "payments", 2, 100, 192, []opSpec{
		{method: "POST", route: "/charges", median: 90 * ms, errors: .03, statement: "INSERT INTO charges (order_id, amount, currency) VALUES ($1, $2, $3)"},
	}},
	{"shipping", "logistics", 1, 50, 96, []opSpec{
		{method: "POST", route: "/shipments", median: 25 * ms, errors: .01, calls: []string{"stock POST /reservations"}},
	}},
	{"recommendation", "shop", 1, 100, 256, []opSpec{
		{method: "GET", route: "/recommendations", median: 30 * ms, errors: .02, optional: true},
	}},
	{"ads", "shop", 1, 50, 96, []opSpec{
		{method: "GET", route: "/ads", median: 8 * ms, errors: .03, optional: true},
	}},
	{"stock", "logistics", 1, 50, 96, []opSpec{
		{method: "GET", route: "/stock/{sku}", median: 3 * ms, errors: .004, optional: true, statement: "SELECT available FROM stock WHERE sku = $1"},
		{method: "POST", route: "/reservations", median: 9 * ms, errors: .01, statement: "UPDATE stock SET available = available - $2 WHERE sku = $1"},
	}},
	{"email", "shop", 1, 50, 64, []opSpec{
		{method: "POST", route: "/confirmations", median: 40 * ms, errors: .02, optional: true},
	}},
	{"auth", "payments", 1, 50, 96, []opSpec{
		{method: "POST", route: "/token/verify", median: 5 * ms, errors: .005},
	}},
	{"search", "shop", 1, 100, 256, []opSpec{
		{method: "GET", route: "/search", weight: 2, median: 35 * ms, errors: .01},
	}},
}

// appPort is where applications serve requests and their own metrics.
const appPort = 8080

// shopImages is where the images of the shop's services are.
const shopImages = "ghcr.io/koflab-demo/"

// Application is a row of the demo-shop chart's values: a workload that a lab puts
// on a cluster to be observed.
type Application struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Kind      Kind   `json:"kind"` // Deployment, StatefulSet or CronJob
	Replicas  int    `json:"replicas"`
	Image     string `json:"image"`
	Port      int    `json:"port"` // 0 for none
	Public    bool   `json:"public"`
	// CPU and Memory are requests, as quantities.
	CPU    string `json:"cpu"`
	Memory string `json:"memory"`
	// VolumeGiB is the size of each pod's volume; 0 for none.
	VolumeGiB int    `json:"volumeGiB"`
	Schedule  string `json:"schedule"` // of a CronJob

	millicores, mebibytes int
}

func (a *Application) requests() Resources {
	return Resources{float64(a.millicores) / 1000, int64(a.mebibytes) << 20}
}

// Applications lists the applications of a cluster: as many Deployments as the
// specification says and, per shop of three services or more, a database with a
// volume and a nightly job.
func Applications(s Spec) []Application {
	var all []Application
	add := func(a Application) {
		a.CPU, a.Memory = strconv.Itoa(a.millicores)+"m", strconv.Itoa(a.mebibytes)+"Mi"
		all = append(all, a)
	}
	for first := 0; first < s.Applications; first += len(shop) {
		suffix := ""
		if first > 0 {
			suffix = "-" + strconv.Itoa(first/len(shop)+1)
		}
		size := min(len(shop), s.Applications-first)
		for _, a := range shop[:size] {
			add(Application{
				Name: a.name + suffix, Namespace: a.namespace + suffix, Kind: Deployment, Replicas: a.replicas,
				Image: shopImages + a.name + ":1.4." + strconv.Itoa(len(a.name)),
				Port:  appPort, Public: a.name == "frontend", millicores: a.cpu, mebibytes: a.mem,
			})
		}
		if size >= 3 {
			add(Application{
				Name: "postgres" + suffix, Namespace: "shop" + suffix, Kind: StatefulSet, Replicas: 1,
				Image: "docker.io/library/postgres:16.4", Port: 5432, VolumeGiB: 10, millicores: 100, mebibytes: 256,
			})
			add(Application{
				Name: "report" + suffix, Namespace: "shop" + suffix, Kind: CronJob, Replicas: 1,
				Image: shopImages + "report:1.0.3", Schedule: "15 2 * * *", millicores: 100, mebibytes: 128,
			})
		}
	}
	return all
}

// ShopValues are the values of the demo-shop chart for a cluster: its applications,
// a quota for each namespace of twice what they ask for, and an autoscaler of the
// first.
func ShopValues(s Spec) map[string]any {
	apps := Applications(s)
	rows := make([]any, 0, len(apps))
	type sum struct{ cpu, memory, pods int }
	sums := map[string]*sum{}
	var namespaces []string
	for _, a := range apps {
		rows = append(rows, map[string]any{
			"name": a.Name, "namespace": a.Namespace, "kind": string(a.Kind), "replicas": a.Replicas, "image": a.Image,
			"port": a.Port, "public": a.Public, "cpu": a.CPU, "memory": a.Memory, "volumeGiB": a.VolumeGiB, "schedule": a.Schedule,
		})
		if sums[a.Namespace] == nil {
			sums[a.Namespace] = &sum{}
			namespaces = append(namespaces, a.Namespace)
		}
		of := sums[a.Namespace]
		of.cpu += a.Replicas * a.millicores
		of.memory += a.Replicas * a.mebibytes
		of.pods += a.Replicas
	}
	quotas := make([]any, 0, len(namespaces))
	for _, ns := range namespaces {
		quotas = append(quotas, map[string]any{
			"namespace": ns, "cpu": strconv.Itoa(2*sums[ns].cpu) + "m", "memory": strconv.Itoa(2*sums[ns].memory) + "Mi", "pods": 2 * sums[ns].pods,
		})
	}
	values := map[string]any{"apps": rows, "quotas": quotas}
	if len(apps) > 0 {
		values["autoscaler"] = map[string]any{
			"name": apps[0].Name, "namespace": apps[0].Namespace, "min": apps[0].Replicas, "max": 4 * apps[0].Replicas, "cpuPercent": 80,
		}
	}
	return values
}
