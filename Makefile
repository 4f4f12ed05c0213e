# Everything a person types here: `make` prints this list.
PYTHON ?= python3
PORT   ?=
SAMPLE ?=
ARGS   ?=
BIN    := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup dev torch run test test-torch check format lock bench clean

help: ## Print this list
	@echo "Ripplewatch hears what people say about your brand, flags the complaints and answers each once."
	@echo "Begin with: make run SAMPLE=1"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.run ## Make .venv with what the service needs (no torch, under 400 MB)
dev: .venv/.dev ## Make .venv with what tests and checks need as well

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Ripplewatch needs Python 3.11 or newer, and $(PYTHON) is not."; \
	  echo "If you have a newer one, name it: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "$(PYTHON) could not make .venv. Debian and Ubuntu keep that part in a package: apt install python3-venv"; exit 1; }

# Byte code for what the service imports, so that it starts at once; that of all installed packages would be a tenth of
# the disk space. What tests import as well is compiled with them.
OURS    = core listener sentiment responder web
COMPILE = PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import importlib, pkgutil, sys; [importlib.import_module(one.name) \
  for top in sys.argv[1:] for one in pkgutil.walk_packages(importlib.import_module(top).__path__, top + ".") \
  if not one.name.endswith(("__main__", ".env")) and ".train" not in one.name]' $(OURS) >/dev/null

.venv/.run: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-compile --no-deps --editable .
	@$(COMPILE)
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m compileall -q -j 2 .venv/lib >/dev/null || true
	@touch $@

torch: .venv-torch/.ready ## Make .venv-torch beside it, with torch: for training, other models, and what bench compares with

.venv-torch/.ready: requirements-dev.lock requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m venv .venv-torch
	.venv-torch/bin/pip install --quiet --require-hashes -r requirements-dev.lock
	.venv-torch/bin/pip install --quiet --editable '.[torch]'
	@touch $@

run: .venv/.run ## Run it here: http://127.0.0.1:8000 (SAMPLE=1 loads the sample brand, PORT=8080 moves it)
	$(BIN)/ripplewatch run $(if $(PORT),--port $(PORT)) $(if $(SAMPLE),--sample)

test: .venv/.dev ## Run every test, on PostgreSQL and Redis of its own (ARGS="tests/core -k waiting" for some)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest $(ARGS)

test-torch: .venv-torch/.ready ## Run the tests that need torch, which `make test` skips
	.venv-torch/bin/python -m pytest -n 0 tests/sentiment/test_train.py tests/sentiment/test_transformer.py tests/responder/test_writer.py

check: .venv/.dev ## Lint, types, import rule, migrations, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && export DATABASE_URL="sqlite:///$$folder/empty.sqlite" \
	  && $(BIN)/alembic upgrade head && $(BIN)/alembic check
	$(BIN)/python -m pytest -n 0 tests/test_docs.py tests/test_project.py

format: .venv/.dev ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Resolve the dependencies again and write both lock files (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -c requirements.lock --group dev pyproject.toml -o requirements-dev.lock

bench: .venv/.dev ## Measure: classify, import, matcher, start-up, memory, as one table
	@$(MAKE) --no-print-directory torch || echo "No torch to be had: transformers' pipeline is not measured."
	$(BIN)/python -m bench

clean: ## Remove both environments and caches (data stays)
	rm -rf .venv .venv-torch build *.egg-info .mypy_cache .ruff_cache .pytest_cache
