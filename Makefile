# `make demo` and `make test` set up all they need in .venv, inside this folder.

PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && command -v $$p && break; done)
BIN := .venv/bin

# The demo and the tests start dozens of processes: each would compile again what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint servers dashboards-test lock benchmarks clean

demo: .venv/demo
	@exec $(BIN)/causal-datasource demo

# Two processes compute while two wait for servers. One thread each: many small matrices on few cores are slower with more.
test: export OPENBLAS_NUM_THREADS = 1
test: export OMP_NUM_THREADS = 1
test: .venv/test servers lint
	$(BIN)/pytest -n 4 --no-loadscope-reorder

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/licences.py

# Real servers for the tests: Debian's packages, where they may be installed.
servers:
	@sh scripts/servers.sh

.venv/demo: requirements.lock pyproject.toml
	@sh scripts/environment.sh "$(PYTHON)" requirements.lock
	@touch $@

.venv/test: requirements-test.lock pyproject.toml
	@sh scripts/environment.sh "$(PYTHON)" requirements-test.lock
	@touch $@ .venv/demo

# The dashboards in Grafana's own front end, in a browser: npm brings 700 MB, and a run takes ten minutes.
dashboards-test: export OPENBLAS_NUM_THREADS = 1
dashboards-test: export OMP_NUM_THREADS = 1
dashboards-test: .venv/test servers
	cd tests/grafana && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund && node build.mjs ../../build/grafana
	$(BIN)/pytest tests/grafana/check_dashboards.py

# Ratios against peers, in one run; they say when a floor is missed.
benchmarks: .venv/test servers
	$(BIN)/python benchmarks/read.py
	$(BIN)/python benchmarks/effects.py
	$(BIN)/python benchmarks/coverage.py

lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --output-file requirements.lock
	uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --output-file requirements-test.lock

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
