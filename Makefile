# Every target builds what it needs; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
TESTERS ?= 4
unexport PYTHONDONTWRITEBYTECODE  # set on some machines: every role would compile the source anew at every start
.DEFAULT_GOAL := help

.PHONY: help setup up test check fix dev bench assets migration lock

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/ready ## build .venv from the hash lock

# uv comes by its hash and brings the rest by theirs; the last import compiles what a first start would.
.venv/ready: requirements/dev.lock pyproject.toml
	@echo "building .venv (about 2 GB, a minute or two the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "GatewayOps needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv .venv
	@awk '/^uv==/ {p = 1} p {print} p && !/\\$$/ {exit}' requirements/dev.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import gatewayops.app.control_role, gatewayops.gateway.role, gatewayops.hosting.demo_server'
	@touch .venv/ready

up: setup ## run GatewayOps with the demo server on http://127.0.0.1:8080
	@$(BIN)/gatewayops up --demo

dev: setup ## the same, restarted when the source changes
	@$(BIN)/gatewayops up --demo --reload

test: setup ## everything: unit, store, journeys, with real PostgreSQL, Valkey, ClickHouse and MCP clients
	@$(BIN)/python -m gatewayops.testing.chromium
	@$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

check: setup ## format, lint, types, layers, sizes
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make fix'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python scripts/sizes.py

fix: setup ## format, and mend what lint can mend
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

bench: setup ## a call against nginx where it is installed; telemetry, and pages with a million calls
	@$(BIN)/python -m bench

assets: setup ## the dashboard's stylesheet and scripts, from assets/ into the package
	@$(BIN)/python scripts/assets.py

migration: setup ## make migration m="what changes": a new Alembic migration
	@$(BIN)/python -m gatewayops.store.control.migrate "$(m)"

lock: setup ## resolve pyproject.toml anew into the hash lock, and audit it
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements/dev.lock
	@$(BIN)/pip-audit --require-hashes --disable-pip --requirement requirements/dev.lock
