# Every target that needs the environment makes it first; on a machine with Python 3.11 nothing else is needed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
# Two at a time: most slow tests wait for a process, a socket or a clock. One file stays in one process.
PYTEST_ARGS ?= -n 2 --dist loadfile

.PHONY: help setup demo test lint format types bench long proto docs lock lock-upgrade clean

help:  ## show this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

setup:  ## make .venv with everything in it (done by the other targets too)
	@tools/setup

demo: setup  ## build the bookshop from its spec, check it, and serve it
	@$(PYTHON) examples/demo.py

test: setup lint types  ## lint, types and every test
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

lint: setup  ## ruff: rules and format
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check

format: setup  ## put the code into its format, and fix what ruff can fix
	@$(PYTHON) -m ruff check --fix
	@$(PYTHON) -m ruff format

types: setup  ## basedpyright, strict
	@.venv/bin/basedpyright

bench: setup  ## race Krepis against its peers (minutes)
	@bench/run

long: setup  ## the tests again with many more examples and seeds (minutes)
	@KREPIS_LONG=1 $(PYTHON) -m pytest $(PYTEST_ARGS)

proto: setup  ## write the code that proto/ generates
	@$(PYTHON) tools/proto.py

docs: setup  ## write what the verbs and the reader of specs say themselves into docs/
	@$(PYTHON) tools/cli_docs.py
	@$(PYTHON) tools/spec_docs.py

lock: setup  ## pin what the pyproject.toml files ask for in constraints.txt
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTHON) tools/lock.py

lock-upgrade: setup  ## the same, with every version as new as it can be
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTHON) tools/lock.py --upgrade

clean:  ## remove everything that was made
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
