# Everything here needs python3 (3.11 to 3.13) and make, nothing else. PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CODE := retail_medallion retail_medallion_tests benchmarks
PYTEST_ARGS ?=

# Some images forbid Python to keep its bytecode. Without it each process compiles 700 modules anew: 3 of its 6 seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test test-slow lint format bench lock up down status clean clean-data

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## create .venv and install what requirements.lock names, checked by hash

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	  { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13. Name one: make setup PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# uv installs several times faster than pip. It is itself taken from the lock file; without it pip does the same work.
$(INSTALLED): $(BIN)/python requirements.lock pyproject.toml setup.cfg
	@awk '/^[a-z0-9]/ {keep = /^uv==/} keep && !/^ *#/' requirements.lock > $(VENV)/uv.lock
	@if $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
	    -r $(VENV)/uv.lock; then \
	  set -ex; \
	  $(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements.lock; \
	  $(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation --no-index --editable .; \
	else \
	  echo "uv could not be installed: going on with pip" >&2; \
	  set -ex; \
	  $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock; \
	  $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .; \
	fi
	@touch $@

demo: setup ## take the demo retailers through Bronze, Silver and Gold
	$(BIN)/retail-medallion demo

dev: setup ## Dagster's UI on 127.0.0.1:3000, with embedded servers
	$(BIN)/retail-medallion dev

up: setup ## start the embedded PostgreSQL and S3
	$(BIN)/retail-medallion up

down: setup ## stop them
	$(BIN)/retail-medallion down

status: setup ## what runs, and where
	$(BIN)/retail-medallion status

# More workers than two cores: much of the time goes into waiting for the servers and for processes to start.
test: setup ## the test suite without the slow tests
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not slow" $(PYTEST_ARGS)

test-slow: setup ## the slow tests
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

lint: setup ## ruff, mypy and Dagster's validation of the definitions
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy $(CODE)
	@mkdir -p $(VENV)/dagster && printf 'telemetry: {enabled: false}\n' > $(VENV)/dagster/dagster.yaml
	DAGSTER_HOME=$(CURDIR)/$(VENV)/dagster $(BIN)/dagster definitions validate

format: setup ## let ruff mend what it can
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

bench: setup ## rates and memory, measured against COPY and against the naive script
	$(BIN)/python -m benchmarks

lock: $(BIN)/python ## resolve pyproject.toml anew into requirements.lock
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --all-extras \
	  --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" --output-file requirements.lock

clean: ## remove caches and build leftovers
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +

clean-data: down ## stop the embedded servers and remove their data
	rm -rf $${RETAIL_HOME:-.retail_medallion}
