# make run    the recorder on this machine, everything on loopback
# make test   lint, types and every test, with what they need installed first
# make soak   the long runs: load, mutations, kills
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: run test quick lint soak clean tools
.DEFAULT_GOAL := run

run: $(VENV)/installed
	$(BIN)/twistd -n siprec --config etc/siprec.yaml

test: $(VENV)/installed-test tools lint
	$(BIN)/python -m pytest

quick: $(VENV)/installed-test
	$(BIN)/python -m pytest -m "not processes"

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/mypy

soak: $(VENV)/installed-test tools
	$(BIN)/python -m bench.soak

tools:
	sh tests/install_tools.sh

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "siprec_tw wants Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "no venv module here. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

# Compatible mode, because twistd does not see plugins behind setuptools' default editable finder.
$(VENV)/installed: $(VENV)/bin/python setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat -e '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info twisted/plugins/dropin.cache
