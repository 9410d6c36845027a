# What can be done with this tree. `make` alone lists it.
#
# A Debian machine with Rust and Node is enough: whatever else is needed is installed by the
# targets below, into target/ and node_modules/ or, for the system packages, by apt.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# A build that failed half-way must not pass for one.
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON_ENV := target/python-env
DENY_VERSION := 0.20.2
DENY_ROOT := target/tools/cargo-deny-$(DENY_VERSION)
DENY := $(DENY_ROOT)/bin/cargo-deny

# What node runs in the tests with programs of others.
SLACK_WEBHOOK := @slack/webhook@8.0.2
ROOM_CLIENTS := @roamhq/wrtc@0.10.0 puppeteer-core@24.43.1

NPM := npm --prefix client-sdk
# npm writes it last, so it is as new as what it installed.
MODULES := client-sdk/node_modules/.package-lock.json
WEB := client-sdk/web/dist/index.html
# With the folders: they change when a file goes.
WEB_SOURCES := $(shell find $(addprefix client-sdk/,web/src web/public web/texts typescript/src)) \
	$(wildcard $(addprefix client-sdk/,*.json web/*.* typescript/*.json))

# Elsewhere than at a developer's the lock file must be up to date already.
LOCKED := $(if $(CI),--locked)

# The conformance tests look for their programs here.
export CONFORMANCE_PYTHON_ENV := $(CURDIR)/$(PYTHON_ENV)
export CARGO_TERM_PROGRESS_WHEN ?= never

# The tests find a PostgreSQL and a Redis beside them.
RIG := cargo run --quiet $(LOCKED) -p carillon-rig --

# What stands on a file or a process of its own does not differ, nor does the guide's plugin.
SQLITE_ONLY := backups|certificates|cluster|doctor|documents|durable|going_down|import|interposed|tls|topology|web_app
ifneq ($(shell cargo nextest --version 2>/dev/null),)
TESTS := cargo nextest run --workspace --no-fail-fast
TESTS_SHARED := cargo nextest run -p carillon -p carillon-plugins --no-fail-fast \
	-E '(binary(it) or package(carillon-plugins)) and not binary(guide) and not test(/^($(SQLITE_ONLY))::/)'
else
TESTS := cargo test --workspace --lib --bins --tests --examples
TESTS_SHARED := cargo test -p carillon -p carillon-plugins --lib --test it --test bot_schedule --test chat --test ding --test ding_rules \
	--test directory --test node --test notify --test poll --test room -- $(patsubst %,--skip %::,$(subst |, ,$(SQLITE_ONLY)))
endif

.PHONY: help run build web test lint interop bench system services browser

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: system $(WEB) ## build and start a demo company on http://127.0.0.1:8080
	cargo build -p carillon
	target/debug/carillon serve --demo --data target/demo

build: system $(WEB) ## the program for a server: target/release/carillon
	cargo build $(LOCKED) --release -p carillon

web: $(WEB) ## the web app, which a release has in itself and a debug build reads

test: lint $(WEB) $(PYTHON_ENV)/.ready services browser ## everything: formatting, lints, licences, all tests
	@echo "== examples in the documentation"
	cargo test --workspace --doc --quiet
	@echo "== tests"
	$(RIG) $(TESTS)
	@echo "== the plugins and the product once more, on PostgreSQL and Redis"
	TEST_ENGINE=postgres $(RIG) $(TESTS_SHARED)
	@echo "== tests of the TypeScript SDK and of the web app's parts"
	$(NPM) test
	@echo "== tests in a real browser"
	$(NPM) run test:browser

lint: system $(MODULES) $(DENY) ## formatting, clippy, types, and what may be depended on
	@echo "== formatting"
	cargo fmt --all --check
	@echo "== formatting, lints and types of TypeScript"
	$(NPM) run lint
	$(NPM) run check
	@echo "== clippy"
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	@echo "== licences, bans and sources of dependencies"
	$(DENY) --log-level error check --hide-inclusion-graph licenses bans sources

interop: system browser $(WEB) ## unmodified programs of others post, and meet a browser in rooms
	@missing=; \
	for tool in prometheus-alertmanager firefox-esr; do \
		command -v $$tool >/dev/null || missing+=" $$tool"; \
	done; \
	for package in gstreamer1.0-nice gstreamer1.0-plugins-bad gir1.2-gst-plugins-bad-1.0 \
		python3-gst-1.0; do \
		dpkg-query --show $$package >/dev/null 2>&1 || missing+=" $$package"; \
	done; \
	$(INSTALL)
	@echo "== programs of others, in target/interop"
	python3 -m venv target/interop
	target/interop/bin/pip install --quiet --disable-pip-version-check \
		-r server/tests/it/robots/requirements.txt \
		-r server/tests/it/rooms/clients/requirements.txt
	npm install --silent --no-audit --no-fund --prefix target/interop/node \
		$(SLACK_WEBHOOK) $(ROOM_CLIENTS)
	@echo "== what they post is seen"
	cargo test $(LOCKED) -p carillon --test it -- --ignored robots::clients
	@echo "== Firefox decrypts and shows a push message"
	cargo test $(LOCKED) -p carillon --test it -- --ignored pushed::
	@echo "== they and Chromium see and hear each other, two at a time"
	cargo test $(LOCKED) -p carillon --test it -- --ignored --nocapture --test-threads=1 \
		rooms::clients

bench: system services $(WEB) browser ## figures of speed and memory, with the raw loop beside them
	cargo bench --workspace --bench '*'
	loadtest/figures
	cargo build -p carillon
	$(NPM) run figures --workspace @carillon/web
	loadtest/nodes

# Installs the Debian packages that are missing.
INSTALL = if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; \
	elif [ -n "$$missing" ]; then \
		echo "this needs:$$missing (as root: apt-get install$$missing)" >&2; exit 1; \
	fi

# A compiler for SQLite, and Python's environments for the conformance tests. Node is not
# installed: Debian's is too old for what builds the web app.
system:
	@for tool in cargo node npm; do command -v $$tool >/dev/null || { \
		echo "this needs $$tool: install Rust 1.95 or newer, and Node 20.19 or newer with npm" >&2; \
		exit 1; }; done
	@missing=; \
	command -v cc >/dev/null || missing+=" build-essential"; \
	python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=" python3-venv"; \
	$(INSTALL)

# PostgreSQL and Redis for the tests, which start their own; a proxy before several nodes, what
# reads a log past the server, and what checks the composition of containers.
services: system
	@missing=; \
	for tool in redis-server haproxy sqlite3 docker-compose; do \
		command -v $$tool >/dev/null || missing+=" $$tool"; \
	done; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=" postgresql"; \
	$(INSTALL)

# A browser for the tests, fonts that have Chinese and emoji, and what the commands that pages show
# call.
browser:
	@missing=; \
	for tool in chromium curl openssl; do \
		command -v $$tool >/dev/null || missing+=" $$tool"; \
	done; \
	for font in fonts-noto-cjk fonts-noto-color-emoji; do \
		dpkg-query --show $$font >/dev/null 2>&1 || missing+=" $$font"; \
	done; \
	$(INSTALL)

$(MODULES): client-sdk/package-lock.json | system
	@echo "== what the web app is built from and with"
	$(NPM) ci --no-audit --no-fund

$(WEB): $(WEB_SOURCES) $(MODULES)
	@echo "== the web app"
	$(NPM) run build --workspace @carillon/web

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
