# Each target makes .venv and installs what it needs, once; after that it works offline.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs golden clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.core  ## inspect LeNet-5, train it on real digits, evaluate, predict; under 3 minutes
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: $(VENV)/.test  ## run every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2  # two processes of two threads each would wait for each other

check: $(VENV)/.check  ## format, lint, types, import floors, dead code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture

bench: $(VENV)/.bench  ## measure against peers; the summary is benchmarks/RESULTS.md
	$(BIN)/python benchmarks/analysis.py
	$(BIN)/python benchmarks/macs.py
	$(BIN)/python benchmarks/local_layers.py
	$(BIN)/python benchmarks/augment.py
	STRIATE_DATA=$${STRIATE_DATA:-../shared/data} $(BIN)/python benchmarks/pack.py
	STRIATE_DATA=$${STRIATE_DATA:-../shared/data} $(BIN)/python benchmarks/train_cpu.py
	$(BIN)/python benchmarks/train_gpu.py

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.docs  ## make the pictures and the site (site/index.html)
	$(BIN)/python docs/make_pictures.py
	$(BIN)/mkdocs build --strict --quiet

golden: $(VENV)/.test  ## write the golden files anew; read the diff
	$(BIN)/python tests/cli/regenerate.py
	git --no-pager diff --stat -- tests

clean:  ## remove the environment and everything made
	rm -rf $(VENV) site runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "striate needs Python 3.11 or newer; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) -e .
	touch $@

$(VENV)/.test $(VENV)/.check $(VENV)/.docs $(VENV)/.bench: $(VENV)/.%: $(VENV)/.core
	$(INSTALL) -e '.[$*]'
	touch $@
