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

// addApplications adds n Deployments, and per shop of three services or more a
// database with a volume and a nightly job.
func (c *Cluster) addApplications(n int) {
	for first := 0; first < n; first += len(shop) {
		suffix := ""
		if first > 0 {
			suffix = "-" + strconv.Itoa(first/len(shop)+1)
		}
		size := min(len(shop), n-first)
		for _, a := range shop[:size] {
			c.addWorkload(a.workload(suffix))
		}
		if size >= 3 {
			c.addShopSupport(suffix)
		}
	}
}

func (a appSpec) workload(suffix string) *Workload {
	name := a.name + suffix
	return &Workload{
		Namespace: a.namespace + suffix, Name: name, Kind: Deployment, App: true, Label: name,
		Replicas: a.replicas, Port: appPort, Public: a.name == "frontend",
		Containers: []Container{{
			Name: a.name, Image: "ghcr.io/koflab-demo/" + a.name + ":1.4." + strconv.Itoa(len(a.name)),
			Requests: Resources{float64(a.cpu) / 1000, int64(a.mem) << 20},
			Limits:   Resources{float64(a.cpu) / 250, int64(a.mem) << 21},
		}},
	}
}

func (c *Cluster) addShopSupport(suffix string) {
	shopNS := "shop" + suffix
	one := func(name, image string, cpu float64, mem int64) []Container {
		return []Container{{Name: name, Image: image,
			Requests: Resources{cpu, mem << 20}, Limits: Resources{4 * cpu, mem << 21}}}
	}
	c.addWorkload(&Workload{
		Namespace: shopNS, Name: "postgres" + suffix, Kind: StatefulSet, App: true, Label: "postgres" + suffix,
		Replicas: 1, Port: 5432, VolumeBytes: 10 << 30,
		Containers: one("postgres", "docker.io/library/postgres:16.4", .1, 256),
	})
	c.addWorkload(&Workload{
		Namespace: shopNS, Name: "report" + suffix, Kind: CronJob, App: true, Label: "report" + suffix, Replicas: 1,
		Containers: one("report", "ghcr.io/koflab-demo/report:1.0.3", .1, 128),
	})
}
