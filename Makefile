# vigilits: `make demo` shows it, `make test` proves it, `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := VIRTUAL_ENV=$(CURDIR)/$(VENV) UV_LINK_MODE=$${UV_LINK_MODE:-hardlink} $(BIN)/uv --no-config --no-progress
PACKAGES := domain event_log live_state streams realtime_api config launch
PYTEST := $(BIN)/python -m pytest
PYTEST_ARGS ?=

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
