# Two commands do everything: `make demo` and `make test`. The rest is for those who build it.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
INTEROP := .venv-interop

.PHONY: demo test check bench campaign coverage interop packages format clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      one vaccination day, two sites, one centre (SERVE=1: keep serving the pages)"
	@echo "make test      everything: packages, checks, tests, interop, the demo"
	@echo "make check     ruff, mypy --strict, import contracts, module sizes"
	@echo "make bench     figures as JSON lines (ONLY=wire_day for one)"
	@echo "make coverage  the tests with branch coverage"
	@echo "make campaign  the long form of the slow tests"

# The stamps make a second run quick: they are renewed when a lock or pyproject.toml changes.
$(VENV)/runtime.stamp: requirements/runtime.txt pyproject.toml
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@echo "Setting up (once) …"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@PYTHONWARNINGS=ignore $(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/runtime.stamp
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(INTEROP)/interop.stamp: requirements/interop.txt
	@test -x $(INTEROP)/bin/python || $(PYTHON) -m venv $(INTEROP)
	@$(INTEROP)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/interop.txt
	@touch $@

packages:
	@sh .ci/packages

# What judges the pages' accessibility; its bytes are compared with a digest in the test.
.axe/axe.stamp: .ci/axe-version
	@npm install --prefix .axe --no-save --ignore-scripts --no-audit --no-fund --silent axe-core@$$(cat .ci/axe-version)
	@touch $@

demo: $(VENV)/runtime.stamp
	@$(RUN) -m tests.demo $(if $(SERVE),--serve)

check: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(RUN) -m tests.module_sizes

interop: $(VENV)/dev.stamp $(INTEROP)/interop.stamp
	$(RUN) -m tests.interop --judge $(INTEROP)/bin/python

# One process for each core; a file's tests stay together, with what they share.
SPREAD := -n logical --maxprocesses 8 --dist loadfile

test: packages check interop .axe/axe.stamp
	$(RUN) -m pytest $(SPREAD)

coverage: packages $(VENV)/dev.stamp .axe/axe.stamp
	$(RUN) -m coverage run -m pytest
	@$(RUN) -m coverage combine --quiet
	$(RUN) -m coverage report

campaign: packages $(VENV)/dev.stamp .axe/axe.stamp
	HCVX_CAMPAIGN=full $(RUN) -m pytest $(SPREAD)

bench: $(VENV)/dev.stamp
	@$(RUN) -m bench $(if $(ONLY),--only $(ONLY))

format: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check --fix . ; $(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) $(INTEROP) .axe demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
