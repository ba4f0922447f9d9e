# grouparchive: every task of the project. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test check fmt lint types cover schemas bench faults fuzz mutants smoke lock clean
.DEFAULT_GOAL := help

help: ## list the tasks
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed"; echo "hint: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up $(VENV) (first time only, about a minute)..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: $(STAMP) ## the whole story on a real homeserver: back up, destroy, rebuild, re-invite
	@$(BIN)/grouparchive demo

test: $(STAMP) ## every test that finishes in minutes, on real servers
	@$(BIN)/python -m pytest

check: $(STAMP) lint types schemas test ## what must pass before anything lands

fmt: $(STAMP) ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix-only --quiet .

lint: $(STAMP) ## style and correctness lints
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(STAMP) ## mypy --strict
	@$(BIN)/mypy

cover: $(STAMP) ## tests with line and branch coverage
	@$(BIN)/coverage erase && $(BIN)/coverage run -m pytest && $(BIN)/coverage combine --quiet && $(BIN)/coverage report --skip-covered

schemas: $(STAMP) ## check that schemas/ matches the records
	@$(BIN)/python tools/schemas.py --check

bench: $(STAMP) ## speed and memory, as ratios against peers measured in the same run
	@$(BIN)/python -m tests.benchmarks

faults: $(STAMP) ## long fault injection: kill -9, full disk
	@$(BIN)/python -m pytest -m faults --override-ini addopts="--strict-markers -ra"

fuzz: $(STAMP) ## every parser of untrusted bytes under atheris, a minute each (pip install atheris)
	@$(BIN)/python -m tests.fuzz

mutants: $(STAMP) ## break each promise in a copy of the code, and see its test fail
	@$(BIN)/python tools/mutants.py

smoke: $(STAMP) ## the shortest end-to-end run through the command line
	@$(BIN)/python -m pytest tests/cli/test_smoke.py

lock: ## renew requirements.lock (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate --all-extras --python-version 3.11 pyproject.toml -o requirements.lock

clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz htmlcov .coverage*
