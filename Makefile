# Everything a person types here: `make` prints this list.
PYTHON ?= python3
PORT   ?= 8000
BIN    := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup dev run test check format lock bench clean

help: ## Print this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1 | \2/' | column -t -s '|'

setup: .venv/.run ## Make .venv with what the service needs (no torch, under 400 MB)
dev: .venv/.dev ## Make .venv with what tests and checks need as well

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Ripplewatch needs Python 3.11 or newer; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

# transformers brings some 400 models of which we use none: their byte code would be a sixth of the disk space.
COMPILE = $(BIN)/python -m compileall -q -j 2 -x 'transformers/models|/pip/|/setuptools/|/tests?/' .venv/lib >/dev/null || true

.venv/.run: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-compile --no-deps --editable .
	@$(COMPILE)
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements-dev.lock
	@$(COMPILE)
	@touch $@

run: .venv/.run ## Run the real thing on this machine: http://127.0.0.1:8000 (PORT=... to change)
	$(BIN)/ripplewatch run --port $(PORT)

test: .venv/.dev ## Run every test (starts its own PostgreSQL and Redis)
	$(BIN)/python -m pytest

check: .venv/.dev ## Lint, types, import rule, migrations, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m core.migrations.check

format: .venv/.dev ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Resolve the dependencies again and write both lock files (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -c requirements.lock --group dev pyproject.toml -o requirements-dev.lock

bench: .venv/.dev ## Measure: classify, import, matcher, start-up, memory, as one table
	$(BIN)/python -m bench

clean: ## Remove .venv and caches (data stays)
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
