# koflab needs no cgo. Building without it links the same everywhere, with or
# without a C compiler; only the race detector needs cgo.
export CGO_ENABLED ?= 0
# With cgo, Helm's loader of kustomize plugins has to stay out: see cgo_linux.go.
CGO_TAGS := kustomize_disable_go_plugin_support

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The commit's date, not today's: the same commit builds the same binary.
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X koflab/cmd.Version=$(VERSION) -X koflab/cmd.Commit=$(COMMIT) -X koflab/cmd.Date=$(DATE)

.PHONY: build test race lint bench cover fuzz docs

build: ## bin/koflab, stripped and stamped
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/koflab .

test:
	go test ./...

race:
	CGO_ENABLED=1 go test -tags $(CGO_TAGS) -race -short -p 1 -timeout 40m ./...

lint:
	gofmt -l . | tee /dev/stderr | wc -l | grep -qx 0
	go vet ./...
	@command -v golangci-lint >/dev/null && golangci-lint run || echo "golangci-lint is not installed: skipped"

bench: ## the figures of docs/benchmarks.md
	go test -run '^$$' -bench . -benchtime 2s ./...

cover:
	go test -coverprofile cover.out -coverpkg ./... ./...
	go tool cover -func cover.out | tail -1

fuzz: ## every fuzz target for ten seconds
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r p; do \
	  for f in $$(grep -rhoE '^func (Fuzz[A-Za-z0-9_]+)' $$p/*_test.go | awk '{print $$2}'); do \
	    go test -run '^$$' -fuzz "^$$f$$" -fuzztime 10s $$p || exit 1; done; done

docs: build ## what documentation shows of runs and of the code itself
	docs/first-minute.sh
	go test ./topology ./embed/federation -run 'Schema|Doc|Conformance' -update
