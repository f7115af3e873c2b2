# Everything that people and CI run. `make` alone says what there is.
GO ?= go
GOLANGCI_VERSION ?= v2.15.0
FUZZTIME ?= 30s

.DEFAULT_GOAL := help
.PHONY: help run build test test-race test-fast lint fuzz bench migrate-check

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## serve with what needs no configuration: http://127.0.0.1:8080
	$(GO) run ./cmd/usher serve

build: ## one static binary: bin/usher
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/usher ./cmd/usher

test: ## every test with the race detector; MariaDB and Redis where they run
	$(GO) test -race -timeout 14m $(TESTFLAGS) ./...

test-race: test

test-fast: ## every test without the race detector
	$(GO) test ./...

lint: ## format, vet, golangci-lint
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) run

fuzz: ## every fuzz target for FUZZTIME each
	@bin=$$(mktemp -d) && trap 'rm -rf "$$bin"' EXIT && \
	for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		$(GO) test -c -fuzz . -o "$$bin/fuzz" $$pkg || exit 1; \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$pkg/*_test.go); do \
			echo "$$pkg $$target"; \
			(cd $$pkg && "$$bin/fuzz" -test.run '^$$' -test.fuzz "^$$target$$" -test.fuzztime $(FUZZTIME) \
				-test.fuzzminimizetime 10x -test.fuzzcachedir "$$bin/cache") || exit 1; \
		done; \
	done

bench: ## measure accepting, working and delivering against the limit, in one run
	$(GO) run ./bench -results bench/RESULTS.md

migrate-check: ## both dialects migrate from nothing to the same tables
	$(GO) test -count=1 ./internal/database/...
