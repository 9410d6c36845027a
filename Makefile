# What can be done with this tree. `make` alone lists it.
#
# A Debian machine with Rust and Node is enough: whatever else is needed is installed by the
# targets below, into target/ or, for the two system packages, by apt.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON_ENV := target/python-env
DENY_VERSION := 0.20.2
DENY_ROOT := target/tools/cargo-deny-$(DENY_VERSION)
DENY := $(DENY_ROOT)/bin/cargo-deny

# Elsewhere than at a developer's the lock file must be up to date already.
LOCKED := $(if $(CI),--locked)

# The conformance test looks for kosoku here.
export CONFORMANCE_PYTHON_ENV := $(CURDIR)/$(PYTHON_ENV)
export CARGO_TERM_PROGRESS_WHEN ?= never

.PHONY: help run test lint bench system

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: system ## build and start a demo company on http://127.0.0.1:8080
	cargo build -p carillon
	target/debug/carillon serve --demo --data target/demo

test: lint $(PYTHON_ENV)/.ready ## everything: formatting, lints, licences, all tests
	@echo "== examples in the documentation"
	cargo test --workspace --doc --quiet
	@echo "== tests"
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace --no-fail-fast; \
	else \
		cargo test --workspace --lib --bins --tests --examples; \
	fi

lint: system $(DENY) ## formatting, clippy, and what may be depended on
	@echo "== formatting"
	cargo fmt --all --check
	@echo "== clippy"
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	@echo "== licences, bans and sources of dependencies"
	$(DENY) --log-level error check --hide-inclusion-graph licenses bans sources

bench: system ## figures of speed and memory, with the raw loop beside them
	cargo bench --workspace --bench '*'
	loadtest/figures

# A compiler for SQLite, and Python's environments for the conformance tests.
system:
	@missing=; \
	command -v cc >/dev/null || missing+=" build-essential"; \
	python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=" python3-venv"; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; \
	elif [ -n "$$missing" ]; then \
		echo "this needs:$$missing (as root: apt-get install$$missing)" >&2; exit 1; \
	fi

$(PYTHON_ENV)/.ready: server/tests/conformance/requirements.txt | system
	@echo "== a Python environment with the conformance tests"
	python3 -m venv $(PYTHON_ENV)
	$(PYTHON_ENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Built without optimisation: 1 minute instead of 5, and it checks this tree in a second.
$(DENY):
	@echo "== cargo-deny $(DENY_VERSION)"
	CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 CARGO_PROFILE_RELEASE_DEBUG=false \
	CARGO_TARGET_DIR=target/tools/build cargo install cargo-deny --version $(DENY_VERSION) \
		--locked --no-default-features --quiet --root $(DENY_ROOT)
	rm -rf target/tools/build
