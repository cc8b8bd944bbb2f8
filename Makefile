# Each target makes the virtual environment it needs; nothing has to be set up by hand.
#   make demo    train a VAE on bundled digits, draw it, export it, check the exports
#   make test    run the tests
#   make lint    ruff, mypy, pyright and the direction of imports
#   make wheel   build dist/*.whl
#   make clean   remove the environment and what was built

VENV ?= .venv
OUTPUT ?= kvae-demo
# The first Python that kvae runs on; name another one with `make demo PYTHON=python3.12`.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if $$p -c '$(SUPPORTED)' >/dev/null 2>&1; then echo $$p; break; fi; done)
BIN = $(VENV)/bin
# One process a core, four at the most: each holds a TensorFlow of its own.
PYTEST_FLAGS ?= --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: demo test lint wheel clean

demo: $(VENV)/installed
	$(BIN)/kvae demo --overwrite --output $(OUTPUT)

test: $(VENV)/installed
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

wheel: $(VENV)/installed
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/installed: setup.py pyproject.toml
	@test -n "$(PYTHON)" || { echo "kvae needs Python 3.11, 3.12 or 3.13: install one and run make again."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv"; rm -rf $(VENV); exit 1; }
	@echo "Installing kvae and what it needs into $(VENV) (some minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@
