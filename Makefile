# Each target sets up .venv by itself; make and Python >= 3.11 are all that must be there.
# Arguments go through ARGS:  make demo ARGS="--once --json"   make test ARGS="-k trust"

VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
FITS   := -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p $(FITS) && echo $$p && break; done)

# What is installed, to the hash. The lists name packages only: where they come from is the reader's own pip setting.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench soak format lock clean
.SUFFIXES:

help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

setup: $(READY) ## .venv with everything, once; fast when nothing changed

demo: $(READY) ## real purchases through a local Kafka into scores and alerts
	@$(BIN)/kizuna demo $(ARGS)

test: $(READY) ## every test this machine can run; what it cannot is skipped aloud
	@$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## format, lint, types, imports, contracts, house rules
	@echo "check: format";    $(BIN)/ruff format --check --quiet .
	@echo "check: lint";      $(BIN)/ruff check --quiet .
	@echo "check: types";     $(BIN)/mypy --no-error-summary
	@echo "check: imports";   $(BIN)/lint-imports --no-logo > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }
	@echo "check: contracts"; $(BIN)/python -m schemas.generate --check
	@echo "check: house";     $(BIN)/python -m pytest --quiet --no-header tests/house
	@echo "check: clean"

bench: $(READY) ## throughput and latency beside other programs, in interleaved rounds
	@$(BIN)/python -m tests.bench $(ARGS)

soak: $(READY) ## seeded faults of 17 kinds under load, judged by the oracle; ARGS=--help lists them
	@$(BIN)/python -m tests.fault $(ARGS)

format: $(READY) ## write what `check` would ask for, where a tool can
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

lock: ## resolve the requirement lists again (needs uv on the PATH)
	@command -v uv > /dev/null || { echo "lock: uv is not on the PATH; install it with: pip install uv" >&2; exit 2; }
	@$(LOCK) pyproject.toml -o requirements.txt
	@$(LOCK) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	@$(LOCK) --no-deps requirements-data.in -o requirements-data.txt
	@$(LOCK) requirements-peers.in -o requirements-peers.txt

clean: ## stop the local Kafka; remove it, its data, both venvs and every cache
	@if [ -x $(BIN)/kizuna ] && [ -d .kizuna ]; then $(BIN)/kizuna kafka stop > /dev/null || true; fi
	@rm -rf .kizuna $(VENV) .venv-peers .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist

# Said on stderr, so that `make demo ARGS=--json` keeps its last line for the summary.
$(READY): requirements-dev.txt requirements-data.txt pyproject.toml
	@$(or $(PYTHON),false) $(FITS) || { \
		echo "setup: needs a Python >= 3.11 with venv and pip; found $(or $(PYTHON),none)" >&2; \
		echo "  next: install one (Debian: apt install python3 python3-venv) or name it: make setup PYTHON=/path/to/python3" >&2; \
		exit 2; }
	@echo "setup: installing into $(VENV) with $(PYTHON), about a minute, once ..." >&2
	@$(BIN)/python $(FITS) || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --no-deps --require-hashes -r requirements-dev.txt -r requirements-data.txt || { \
		echo "setup: a package could not be installed (its message is above); once that is solved, run make again" >&2; \
		exit 1; }
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "setup: done" >&2
