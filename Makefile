# make run    the recorder on this machine, everything on loopback
# make test   lint, types and every test, with what they need installed first
# make bench  what a packet costs, beside the raw limit and plain Twisted, in clear and as SRTP (an hour; needs libsrtp2-dev;
#             BENCH="--sizes 200 --media rtp" for less)
# make flood  a stream flooded at 250,000 packets a second beside 200 calls that must not notice (two minutes)
# make soak   the long runs: bad network, kills, spoiled messages (25 minutes; MINUTES=5 for less)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BENCH   ?=
MINUTES ?= 25

.PHONY: run test quick lint bench flood soak clean tools
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

bench: $(VENV)/installed-test
	$(BIN)/python -m bench.table $(BENCH)

flood: $(VENV)/installed-test
	$(BIN)/python -m bench.flood

soak: $(VENV)/installed-test
	$(BIN)/python -m bench.soak --minutes $(MINUTES)

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
