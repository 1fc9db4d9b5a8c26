# vigilits: `make demo` shows it, `make test` proves it, `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

UV_VERSION := 0.13.9
NODE_VERSION := 24.19.0
VENV := .venv
BIN := $(VENV)/bin
UV := VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv --no-config --no-progress
PACKAGES := domain event_log live_state people streams realtime_api config launch
CHECKED := $(PACKAGES) tests $(wildcard load_tests)
PYTEST := $(BIN)/python -m pytest
PYTEST_ARGS ?=
# A file's tests stay together, as they may share what they start, and files begin in the order of tests/dealt_out.py.
DEALT := --dist loadfile --no-loadscope-reorder
# More processes than a small machine has cores: most of their time tests wait, for brokers, sessions and pages.
BESIDE := -n 3 $(DEALT)

# --- what everything else runs in ------------------------------------------------------------------------------------

$(BIN)/uv: make/venv.sh Makefile
	@make/venv.sh $(VENV) $(UV_VERSION)
	@touch $@

# What `vigilits demo` needs, and nothing else.
$(VENV)/.runtime: requirements.lock pyproject.toml $(BIN)/uv
	@echo "Installing what vigilits runs on"
	@$(UV) pip install --quiet --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# All of it: tests, checks and what the measurements compare with.
$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing what tests, checks and measurements need"
	@$(UV) pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: setup
setup: $(VENV)/.dev ## make .venv with everything that building, testing and measuring need

.PHONY: lock
lock: $(BIN)/uv ## remake both lock files from pyproject.toml, keeping what still fits (UPGRADE=1: newest)
	@make/lock.sh $(BIN)/uv $(if $(UPGRADE),--upgrade)

# --- the web app -----------------------------------------------------------------------------------------------------

ifneq ($(wildcard dashboards/package.json),)
WEB := dashboards/dist/index.html
NPM = node=$$(make/node.sh $(VENV) $(NODE_VERSION)) && PATH="$$node:$$PATH" npm --prefix dashboards
WEB_SOURCES = $(shell find dashboards \( -name node_modules -o -name dist -o -name grafana \) -prune -o -type f -print)

dashboards/node_modules/.installed: dashboards/package.json dashboards/package-lock.json $(BIN)/uv
	@echo "Installing what the web app is built from"
	@$(NPM) ci --silent --no-audit --no-fund
	@touch $@

dashboards/dist/index.html: dashboards/node_modules/.installed $(WEB_SOURCES)
	@echo "Building the web app"
	@$(NPM) run --silent build -- --logLevel warn
	@touch $@
endif

.PHONY: web
web: $(WEB) ## build the web app into dashboards/dist

# --- what people run -------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.runtime $(WEB) ## a live map of Occitanie's spring of 2020 on this machine (PORT=8080)
	@exec $(BIN)/vigilits demo

.PHONY: test
test: $(VENV)/.dev $(WEB) .engines/chromium ## the test suite, browser tests too, on the embedded engines
	@# In two runs: Playwright keeps an event loop running, in which no other test can start one of its own.
	@VIGILITS_ENGINES=embedded $(PYTEST) $(BESIDE) -m "not browser" $(PYTEST_ARGS)
	@VIGILITS_ENGINES=embedded $(PYTEST) -n 2 $(DEALT) -m browser $(PYTEST_ARGS)

.PHONY: test-engines
test-engines: $(VENV)/.dev $(WEB) .engines/kafka/.fetched ## the integration and kill tests on Apache Kafka and redis-server
	@VIGILITS_ENGINES=apache $(PYTEST) -n 2 $(DEALT) -m "engines and not browser" $(PYTEST_ARGS)

.PHONY: check
check: $(VENV)/.dev $(if $(WEB),dashboards/node_modules/.installed) ## format, lint, types, import rules, the web app's, the Compose schema
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/lint-imports --no-logo
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
ifdef WEB
	@! grep -q '"resolved":' dashboards/package-lock.json || { echo "dashboards/package-lock.json names a host"; exit 1; }
	$(NPM) run --silent check
	$(NPM) run --silent --if-present lint
endif

# --- what tests run on -----------------------------------------------------------------------------------------------

# Holds the path of a Chromium; empty where there is none, and then it is looked for again each time.
.PHONY: look-for-a-browser
.engines/chromium: $(if $(shell [ -x "$$(cat .engines/chromium 2>/dev/null)" ] && echo found),,look-for-a-browser) | $(VENV)/.dev
	@mkdir -p $(@D)
	@make/browser.sh $(BIN)/python > $@

.engines/kafka/.fetched: tests/engines/pom.xml
	@command -v mvn >/dev/null || { echo "Apache Kafka's jars come by Maven: apt-get install maven openjdk-17-jre-headless"; exit 1; }
	@echo "Fetching Apache Kafka's jars"
	@rm -rf $(@D)
	@mvn -q -B -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/$(@D)
	@touch $@

# --- the rest --------------------------------------------------------------------------------------------------------

.PHONY: format
format: $(VENV)/.dev ## let ruff put the code in shape
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

.PHONY: wheel
wheel: $(VENV)/.dev $(WEB) ## build the distribution, web app inside, into dist/
	@$(UV) build --quiet --no-build-isolation --python $(BIN)/python --wheel --out-dir dist
	@ls dist

.PHONY: clean
clean: ## remove all that make made, the environment too
	rm -rf $(VENV) .engines dist dashboards/dist dashboards/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## say what can be made
	@grep -hE '^[a-z-]+:.* ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.* ## /\1\t/' | while IFS=$$'\t' read -r name what; do \
	    printf '  make %-14s %s\n' "$$name" "$$what"; done
