# Every command of the project. `make help` lists them; the README needs only `make demo` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV := .tools/bin/uv
UV_VERSION := 0.13.9
PY := .venv/bin/python
# The rooms, in the order of the architecture page.
ROOMS := core operator services trainers cli devcluster examples

.PHONY: help setup demo test prove lint generate images bench clean

help:  ## list the commands
	@awk -F':.*##' '/^[a-z]+:.*##/ {printf "  make %-10s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.synced  ## install the locked dependencies into .venv

$(UV):
	@echo "setup: installing uv $(UV_VERSION) into .tools"
	@python3 -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Pawl needs Python 3.11, 3.12 or 3.13 as python3")'
	@python3 -m venv .tools && .tools/bin/pip install --quiet uv==$(UV_VERSION)

.venv/.synced: uv.lock pyproject.toml $(ROOMS:%=%/pyproject.toml) | $(UV)
	@echo "setup: installing locked dependencies into .venv"
	@$(UV) sync --locked --quiet --system-certs
	@touch $@

demo: setup  ## real conversations through a real gateway, models rolled out and back (KEEP=1 leaves it running)
	@KEEP=$(KEEP) $(PY) -m pawl_examples.demo

test: setup  ## all tests, with seconds per level (LEVELS="unit apiserver" runs some)
	@$(PY) -m tests.run $(LEVELS)

prove: setup  ## the long ones: full crash matrix, long simulations (hours); writes benchmarks/results/prove-*.json
	@$(PY) -m tests.run prove

lint: setup  ## ruff, mypy strict, import-linter
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/mypy $(ROOMS:%=%/src)
	@.venv/bin/lint-imports

generate: setup  ## CRDs, chart copies and reference pages from the API types
	@$(PY) -m pawl.api.crd && $(PY) -m pawl.api.reference

images: setup  ## container images, by docker where an engine answers, else by buildah
	@$(PY) -m pawl_devcluster images

bench: setup  ## benchmarks, each beside a peer; writes benchmarks/results/*.json
	@$(PY) -m benchmarks.run

clean:  ## end what the project started, remove what it made (KEEP_CACHE=1 keeps images and compiled programs)
	@python=$$(command -v $(PY) || command -v python3); \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		PYTHONPATH=devcluster/src "$$python" -m pawl_devcluster down --all $(if $(KEEP_CACHE),,--cache); \
	else echo "clean: clusters and cache stay: ending them needs Python 3.11 or newer as python3"; fi
	@rm -rf .venv .tools .demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
