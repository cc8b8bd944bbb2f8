# Each target makes the virtual environment it needs; nothing has to be set up by hand.
#   make demo    train a VAE on bundled digits, draw it, export it, check the exports
#   make check   lint, types and the quick tests: what to run before every commit
#   make test    run the tests a change must pass: of each battery a quarter, see tests/selection.py
#   make test-all  run all tests but those that take minutes
#   make lint    ruff, mypy, pyright and the direction of imports
#   make docs    write the reference pages to site/
#   make hooks   run lint and types before each git commit
#   make wheel   build dist/*.whl
#   make clean   remove the environment and what was built

# Constraints have an environment of their own: .venv-lowest for requirements/lowest.txt.
VENV ?= .venv$(addprefix -,$(basename $(notdir $(CONSTRAINTS))))
OUTPUT ?= kvae-demo
# The first Python that kvae runs on; name another one with `make demo PYTHON=python3.12`.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if $$p -c '$(SUPPORTED)' >/dev/null 2>&1; then echo $$p; break; fi; done)
BIN = $(VENV)/bin
# One process a core, four at the most: each holds a TensorFlow of its own. Tests that share a model
# or an exported file go to one process (tests/conftest.py).
PYTEST_FLAGS ?= --numprocesses auto --maxprocesses 4 --dist loadscope
# The tests run in parts, with new processes for each; the last one is all other folders. A process keeps
# what XLA compiled, some 60 MB for each `fit` of a small dense model: one run of all tests would end
# with 9 GB in each.
PARTS = "tests/callbacks tests/conformance tests/networks tests/training" "tests/layers tests/models"
# CI tries the lowest versions with `make test CONSTRAINTS=requirements/lowest.txt`.
CONSTRAINTS ?=

.PHONY: demo check test test-all lint docs hooks wheel clean

demo: $(VENV)/installed
	$(BIN)/kvae demo --overwrite --output $(OUTPUT)

check: lint
	$(BIN)/python -m pytest $(PYTEST_FLAGS) --quick

test: TESTS = --sample
test test-all: $(VENV)/installed
	@failed=0; others=; for part in $(PARTS); do \
		$(BIN)/python -m pytest $(PYTEST_FLAGS) $(TESTS) $$part || failed=1; \
		for folder in $$part; do others="$$others --ignore=$$folder"; done; \
	done; \
	$(BIN)/python -m pytest $(PYTEST_FLAGS) $(TESTS) $$others || failed=1; \
	exit $$failed

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(VENV)/installed
	$(BIN)/pdoc --docformat google --output-directory site kvae

hooks: $(VENV)/installed
	$(BIN)/pre-commit install

# What an earlier build has left in build/ would be packed again, files since removed among it.
wheel: $(VENV)/installed
	rm -rf build *.egg-info
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist site *.egg-info

$(VENV)/installed: setup.py pyproject.toml
	@test -n "$(PYTHON)" || { echo "kvae needs Python 3.11, 3.12 or 3.13: install one and run make again."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv"; rm -rf $(VENV); exit 1; }
	@echo "Installing kvae and what it needs into $(VENV) (some minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]" $(addprefix --constraint ,$(CONSTRAINTS))
	@touch $@
