# Each target sets up what it needs; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
RUN := $(VENV)/bin/python

# The first Python on the path that the project runs on; `make PYTHON=... demo` names another.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo $$name; break; }; done)

PORT ?= 8000
DEMO_DIR ?= $(CURDIR)/.demo
TEST_DIR ?= $(CURDIR)/.test
export DEMO_DIR TEST_DIR

# Tests run in as many processes; two suit a machine of two cores.
JOBS ?= 2

# Named by content, not by date: a checkout that changes the lock installs it, one that does not
# installs nothing.
RUNTIME := $(VENV)/runtime-$(shell cksum < requirements/runtime.txt | tr ' ' '-')
DEV := $(VENV)/dev-$(shell cksum < requirements/dev.txt | tr ' ' '-')

.PHONY: help demo demo-reset test check format bench clean

help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(RUNTIME) ## Run the demo shop: PORT=8000, data in DEMO_DIR=.demo, Ctrl-C stops it
	@RETAIL_DEMO=1 exec $(RUN) manage.py demo --port $(PORT)

demo-reset: $(RUNTIME) ## Stop the demo's servers and delete its data
	@$(RUN) -m retail.embedded remove "$(DEMO_DIR)"
	@# By name, not the whole folder: DEMO_DIR may be one that holds other things too.
	@cd "$(DEMO_DIR)" 2>/dev/null && rm -rf mail media staticfiles supplier-files supplier-drop handover loaded password demo.lock practice-shop*.json || true
	@rmdir "$(DEMO_DIR)" 2>/dev/null || true
	@echo "The demo's data is gone from $(DEMO_DIR)."

test: $(DEV) ## Run every test on a fresh database; ARGS="-k word" narrows it
	@$(RUN) -m pytest -n $(JOBS) $(ARGS)

check: $(DEV) ## Format, lint, types, imports, migrations, deployment settings, tracked files
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	RETAIL_DEMO=1 $(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	RETAIL_DEMO=1 $(RUN) manage.py makemigrations --check --dry-run
	@# As an installation would be set up; the secrets are made up on the spot.
	SECRET_KEY="$$($(RUN) -c 'import secrets; print(secrets.token_urlsafe(64))')" \
	RETAIL_FIELD_KEYS="$$($(RUN) -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())')" \
	ALLOWED_HOSTS=shop.example.com RETAIL_DEMO=0 \
	DATABASE_URL=postgresql://retail@database.example.com/retail \
	CELERY_BROKER_URL=amqp://retail@broker.example.com// \
		$(RUN) manage.py check --deploy --fail-level WARNING
	$(RUN) -m pytest -q tests/architecture/test_tracked_files.py

format: $(DEV) ## Lay out the code and mend what ruff can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(DEV) ## Measure against hand-written SQL in the same run; prints a table
	@$(RUN) -m bench $(ARGS)

clean: ## Delete the virtual environment and the caches, not the demo's data
	-[ ! -x $(RUN) ] || $(RUN) -m retail.embedded remove "$(TEST_DIR)"
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(RUNTIME): requirements/runtime.txt
	@[ -e $(DEV) ] || { $(make-venv); $(call install,runtime); }
	@touch $@

$(DEV): requirements/dev.txt
	@$(make-venv); $(call install,dev)
	@rm -f $(VENV)/dev-* $(VENV)/runtime-*; touch $@ $(RUNTIME)

# pip keeps to the hashes of the lock and takes the packages from wherever it is set up to.
install = echo "Installing requirements/$(1).txt ..."; \
	$(RUN) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/$(1).txt

define make-venv
[ -n "$(PYTHON)" ] || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
$(PYTHON) -m venv $(VENV)
endef
