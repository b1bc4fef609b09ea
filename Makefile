# `make help` is the manual.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
READY := .venv/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11
# Tests mostly wait, and start processes of their own meanwhile.
PROCESSES ?= 4
# A process for each of hundreds of tests would compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE
PYTHON_CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 python

# The stamp contains the folder: a virtual environment that was moved or lost its interpreter is made again.
ifneq ($(shell test -x $(BIN)/python && test -x $(BIN)/medpay && cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

.PHONY: help setup demo up test lint bench chaos lock sbom audit-dependencies clean

help: ## this list
	@echo "medpay: each medical-insurance payment is one durable workflow. Needs Python 3.11 or newer and make."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## .venv with the locked dependencies and the medpay command; instant if nothing changed
	@:

demo: $(READY) ## real payments through the HTTP API on a stack of their own, in under 90 s; 0 only if all ended as they should
	@$(BIN)/medpay demo

up: $(READY) ## the embedded stack in the foreground until Ctrl-C; prints URLs and the API key, keeps its data in .medpay/
	@$(BIN)/medpay up

test: $(READY) lint ## the whole test suite, and lint
	@$(BIN)/pytest -n $(PROCESSES)

lint: $(READY) ## ruff, mypy strict, import-linter
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy .
	@$(BIN)/lint-imports

bench: $(READY) ## the benchmarks: a table, and JSON under bench/results/
	@$(BIN)/python bench/run.py; added=$$?; $(BIN)/python bench/codec.py && exit $$added

chaos: $(READY) ## payments while processes are killed: SEED= PAYMENTS= KILLS= MINUTES= DATABASE=sqlite|postgresql FAULTS= PLANT=
	@$(BIN)/python -m tests.chaos.campaign $(if $(SEED),--seed $(SEED)) $(if $(PAYMENTS),--payments $(PAYMENTS)) \
	    $(if $(KILLS),--kills $(KILLS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(DATABASE),--database $(DATABASE)) \
	    $(if $(FAULTS),--faults $(FAULTS)) $(if $(PLANT),--plant $(PLANT))

lock: $(READY) ## resolve the dependencies again, with hashes and without index addresses
	@$(COMPILE) $(UPGRADE) pyproject.toml -o requirements.lock
	@$(COMPILE) $(UPGRADE) --extra dev pyproject.toml -o requirements-dev.lock

sbom: $(READY) ## build/medpay.cdx.json: a CycloneDX bill of materials of what runs, from the lock file
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/sbom
	@$(BIN)/uv pip install --quiet --python build/sbom --require-hashes -r requirements.lock
	@$(BIN)/uvx --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py environment build/sbom --pyproject pyproject.toml \
	    --mc-type application --spec-version 1.6 --output-reproducible --output-file build/medpay.cdx.json
	@rm -rf build/sbom
	@echo "build/medpay.cdx.json"

audit-dependencies: $(READY) ## known vulnerabilities in the locked packages; needs the internet, so not in CI
	@$(BIN)/uvx --quiet --from pip-audit==2.10.1 pip-audit --disable-pip --require-hashes -r requirements-dev.lock $(AUDIT)

clean: ## remove .venv and the tools' caches; the data in .medpay/ stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): requirements-dev.lock pyproject.toml
	@python=; for candidate in $(PYTHON) $(PYTHON_CANDIDATES); do \
	    if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	    then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "medpay needs Python 3.11 or newer (found: $$(python3 --version 2>&1 | tail -n 1)); name one with make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	    echo "medpay needs Python's venv module: on Debian and Ubuntu install python3-venv" >&2; exit 1; \
	fi; \
	echo "Setting up .venv with $$($$python --version) (a minute the first time)" ; \
	if [ "$$(cat $@ 2>/dev/null)" = "$(CURDIR)" ] && $(BIN)/python -c 'import pip' 2>/dev/null; \
	then rm -f $@; else rm -f $@; $$python -m venv --clear .venv; fi
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@printf %s "$(CURDIR)" > $@
	@echo "Ready: $(BIN)/medpay"
