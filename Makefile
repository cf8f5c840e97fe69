# Every target is one command that a person types and that .ci/run calls too.

TOOL := go tool -modfile=$(CURDIR)/tools/go.mod
LINT := $(TOOL) golangci-lint

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check: ## everything a change must pass, in the order and with the limits of CI
	bash .ci/run

.PHONY: test
test: ## the tests, as the README runs them
	go test ./...

.PHONY: race
race: ## the tests under the race detector, in random order
	go test -race -shuffle=on -timeout 10m ./...

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME each (3s)
	bash .ci/fuzz

.PHONY: model
model: ## the exhaustive model of order, to its end (minutes, 1 GB)
	go test -count=1 -v -timeout 60m ./conformance/model -args -full

.PHONY: torture
torture: ## durable objects under kills and full disks at every instant: TORTURE times what CI does (20), half an hour
	go test -count=1 -v -timeout 60m -run '^TestTorture$$|^TestApes$$' ./vat -args -torture $$((10 * $${TORTURE:-20}))
	go test -count=1 -v -timeout 60m -run '^TestKill$$' . -args -kills $$((8 * $${TORTURE:-20}))
	go test -count=1 -v -timeout 60m -run '^TestCrash$$' ./store/bolt -args -crashes $$((15 * $${TORTURE:-20}))
	go test -count=1 -timeout 60m -run '^Test(LastingTorture|ScenesTorture|Parts|Forwarded|Hop|PassedPromise|AskedByCode|PromiseInAnswer)$$' ./captp -args -rounds $$((20 * $${TORTURE:-20}))
	go test -count=1 -timeout 60m -run '^Test(HandedWhoeverDies|HopWhoeverDies|HandoffTorture)$$' ./home -args -every-write
	go test -count=1 -v -timeout 60m -run '^TestThreeProcesses$$' . -args -deaths $$((30 * $${TORTURE:-20}))
	go test -count=1 -v -timeout 60m -run '^TestStrangersKilled$$' . -args -contacts $$((3 * $${TORTURE:-20}))

.PHONY: scene
scene: ## two processes that are never both on, and their mail: with kill -9, of the mailbox server too, and with nothing but a sturdyref
	go test -count=1 -v -run '^TestScene$$|^TestFirstContact$$' . -args -scenes 3

.PHONY: vet
vet: ## go vet, of the benchmarks too
	go vet ./...
	cd bench && go vet ./...

.PHONY: fmt
fmt: ## fail if gofumpt would change a file
	$(LINT) fmt --diff

.PHONY: fmt-fix
fmt-fix: ## let gofumpt change the files
	$(LINT) fmt

.PHONY: lint
lint: ## golangci-lint with the short list of .golangci.yml
	$(LINT) run ./...
	cd bench && $(LINT) run ./...

.PHONY: tidy
tidy: ## fail if go mod tidy would change go.mod or go.sum
	go mod tidy -diff
	cd bench && go mod tidy -diff

.PHONY: imports
imports: ## the rules of the house: who imports whom, file sizes, package names, documented dependencies
	go test -count=1 -run '^TestHouse' .

.PHONY: interop
interop: ## the public OCapN test suite against conformance/peer, INTEROP_RUNS times (10): OCAPN_TEST_SUITE names a checkout
	bash .ci/interop

.PHONY: node
node: ## the vectors of grants, read by a second implementation: npm installs what it needs beside them
	cd sturdyref/grant/testdata/node && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund
	go test -count=1 -v -run '^TestNode$$' ./sturdyref/grant

.PHONY: bench-test
bench-test: ## the tests of the benchmark module
	cd bench && go test ./...

.PHONY: bench
bench: ## Hawser beside the floors in interleaved rounds: one table of medians and ratios
	cd bench && go run .
