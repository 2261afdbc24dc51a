# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# "make demo" shows the collection at work, "make test" runs its tests. The first run sets up .venv in the checkout (.ci/setup).

NOX := .venv/bin/python -m nox
# Two sessions at once, as most of them keep one processor busy; each is shown when it is over.
AT_ONCE := $(NOX) --parallel 2 --allow-parallel

.PHONY: help demo test test-qemu check units lint docs sanity build bench clean moved

help:
	@echo 'make demo     three simulated machines, driven by a playbook'
	@echo 'make test     the tests; the last lines say what this machine could not run, and what the next two do'
	@echo 'make test-qemu   what needs real machines, where QEMU is installed'
	@echo 'make check    the rest: lint, docs, guides, the README, sanity, build, the controller on two ansible-cores, roles, the C library with sanitizers'
	@echo 'make units    the unit tests alone; ARGS="-k power" goes to pytest'
	@echo 'make lint     ruff, mypy, yamllint, ansible-lint, the changelog, the documentation, licences, facts, C warnings'
	@echo 'make docs     the documentation site, in build/site/, each page of it opened in Chromium'
	@echo 'make sanity   ansible-test sanity on every supported ansible-core whose Python is here'
	@echo 'make build    the Galaxy artefact, in build/'
	@echo 'make bench    measurements: VIX calls, time beside other tools, memory; ARGS="guests" is one of them'
	@echo 'make clean    removes what these have made'

demo: .venv/ready
	@.ci/demo

test-qemu: .venv/ready
	@$(NOX) -t test-qemu -- $(ARGS)

test: .venv/ready
	@$(AT_ONCE) -t test; code=$$?; $(NOX) -s left_out -- test; exit $$code

check: .venv/ready
	@$(AT_ONCE) -t check; code=$$?; $(NOX) -s left_out; exit $$code

units: .venv/ready
	@$(NOX) -s units -- $(ARGS)

lint: .venv/ready
	@$(NOX) -s lint

docs: .venv/ready
	@$(NOX) -s docs

sanity: .venv/ready
	@$(NOX) -s sanity

build: .venv/ready
	@$(NOX) -s build

bench: .venv/ready
	@$(NOX) -s bench -- $(ARGS)

clean:
	rm -rf .venv .nox .cache .ansible .pytest_cache .ruff_cache build tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +

.venv/ready: .ci/setup .ci/python requirements.txt openvix/pyproject.toml
	@.ci/setup

# A virtual environment contains its own path, so it is created again after its directory was moved.
ifneq ($(shell cat .venv/ready 2>/dev/null),$(CURDIR))
.venv/ready: moved
endif
