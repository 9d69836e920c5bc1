# The verbs of this project. Each does its own set-up.

SHELL := /bin/sh
export PATH := $(HOME)/.cargo/bin:$(PATH)

RUST_MINIMUM := 1.93
DENY := target/tools/bin/cargo-deny
DATA ?= target/bench-data
PATHS ?= samples/logs
ARGS ?= --list malicious=samples/known-bad.txt

# What `make package` and `make deploy` build for: arm64 or x86_64.
ARCH ?= arm64
TARGET := $(or $(CARGO_TARGET_DIR),target)
VENV := target/venv/bin
PYTHON := target/venv/.done
PYTEST := $(VENV)/pytest -c tests/pytest.ini $(wildcard tests/infra tests/e2e tests/browser)
BENCH := cargo bench --package callerwatch-tests --bench
RELEASED = $(abspath $(TARGET))/release/callerwatch
PACKAGED := $(CURDIR)/target/lambda/aws/bootstrap
HOST_ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
SAM := target/sam/.done
CHECKOV := target/checkov/.done
# Each is the package callerwatch-NAME, with the program bootstrap-NAME.
FUNCTIONS := $(notdir $(patsubst %/Cargo.toml,%,$(wildcard functions/*/Cargo.toml)))
DEV_BOOTSTRAPS := $(FUNCTIONS:%=target/lambda/dev/%/bootstrap)

.PHONY: help run build test tested packaged check bench fuzz fmt rust picture venv package deploy local dev-bootstrap

help: ## What there is to do.
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/:/'

run: rust ## Scan the sample incident, or PATHS=… with ARGS=….
	cargo run --quiet --release --package callerwatch -- scan $(PATHS) $(ARGS)

build: rust ## Build target/release/callerwatch.
	cargo build --release --package callerwatch

# All tests are built before one runs. What is deployed for good takes as long to build as they take
# to run, so that is done beside them, and the few that read it come last, with those that measure.
test: rust venv ## All tests, those of a deployment to a local emulator too.
	cargo test --workspace --all-features --no-run
	$(MAKE) --no-print-directory dev-bootstrap DEV='--workspace --bins --tests'
	$(MAKE) --no-print-directory --jobs=2 tested packaged
	$(PYTEST) -m 'packaged or alone'

# Without make's count of jobs: cargo would wait for its turn.
tested packaged: export MAKEFLAGS =

tested:
	MINISTACK='$(CURDIR)/$(VENV)/ministack' cargo test --workspace --all-features
	$(PYTEST) -m 'not packaged and not alone' --numprocesses=3 --dist=loadfile

# Shown once it has ended, and second to the tests, which wait for things with deadlines.
packaged:
	@mkdir -p target/lambda
	@nice $(VENV)/python infra/aws/package.py --arch x86_64 > target/lambda/package.log 2>&1; \
		status=$$?; cat target/lambda/package.log; exit $$status

check: rust $(DENY) ## Formatting, lints, documentation, dependencies.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --all-features --no-deps --document-private-items --quiet
	$(DENY) check bans licenses sources

bench: build $(PYTHON) $(DATA) ## How fast, against references. DATA=… names a set made by gen_cloudtrail.py.
	$(BENCH) intelligence
	$(BENCH) parts -- $(abspath $(DATA))
	cargo test --release --package callerwatch-tests --test storm -- --ignored --nocapture
	CALLERWATCH='$(RELEASED)' $(BENCH) throughput -- $(abspath $(DATA))
	$(MAKE) package ARCH=$(HOST_ARCH)
	cargo build --profile dist --package callerwatch-aws --example nothing
	$(BENCH) cold_start -- $(PACKAGED) $(abspath $(TARGET))/dist/examples/nothing
	MINISTACK='$(CURDIR)/$(VENV)/ministack' CALLERWATCH='$(RELEASED)' $(BENCH) warm -- $(PACKAGED) $(abspath $(DATA))

target/bench-data:
	@test -f ../shared/gen_cloudtrail.py || { echo 'bench: no generator of logs here; name a folder of CloudTrail .json.gz files (AWSLogs/… and feed.txt) with DATA=…'; exit 1; }
	python3 ../shared/gen_cloudtrail.py --size-mb 300 --seed 7 --out $@.part
	mv $@.part $@

package: rust $(PYTHON) ## Build the zips of the functions for Lambda, for ARCH=….
	$(VENV)/python infra/aws/package.py --arch $(ARCH)

deploy: package $(SAM) ## Deploy to an AWS account, for ARCH=…, with STACK=… and PARAMETERS='Name=value …'.
	STACK='$(STACK)' ARCH='$(ARCH)' PARAMETERS='$(PARAMETERS)' infra/aws/deploy.sh

local: rust venv dev-bootstrap ## Run all of it on this machine, in an emulator, without an account.
	$(VENV)/python infra/aws/local.py

picture: $(PYTHON) dev-bootstrap ## Take the picture of a report that the documentation shows.
	cd tests && ../$(VENV)/python -m browser.picture

venv: $(PYTHON) $(SAM) $(CHECKOV) ## The tools that packaging and tests use, in target/.

fmt: rust ## Format the code.
	cargo fmt --all

# Unoptimized, for deployments to the emulator; the command beside them, to send events. After tests,
# with the features that tests have, so that no SDK is built once more.
DEV := $(FUNCTIONS:%=--package callerwatch-%) --package callerwatch
dev-bootstrap: rust
	cargo build $(DEV) --all-features
	$(MAKE) --no-print-directory $(DEV_BOOTSTRAPS)

target/lambda/dev/%/bootstrap: $(TARGET)/debug/bootstrap-%
	mkdir -p $(@D)
	strip -o $@.part $<
	mv $@.part $@

# Made anew when the requirements change, so that nothing of before is left in them. The SAM CLI and
# the emulator contradict each other, so they are apart; checkov brings a hundred packages of its own.
$(PYTHON): tests/requirements.txt
$(SAM): tests/requirements-sam.txt
$(CHECKOV): tests/requirements-checkov.txt
$(PYTHON) $(SAM) $(CHECKOV):
	rm -rf $(@D)
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

$(DENY):
	cargo install cargo-deny --locked --root target/tools --target-dir target/tools/build
	rm -rf target/tools/build

# Rust is installed by rustup where it is missing or too old.
rust:
	@have=$$(cargo --version 2>/dev/null | cut -d' ' -f2); \
	lowest=$$(printf '%s\n%s\n' "$(RUST_MINIMUM)" "$$have" | sort -V | head -n 1); \
	if [ -z "$$have" ] || [ "$$lowest" != "$(RUST_MINIMUM)" ]; then \
		echo "installing Rust (found: $${have:-none}; needed: $(RUST_MINIMUM))"; \
		curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs \
			| sh -s -- -y --no-modify-path --profile minimal --component clippy --component rustfmt; \
	fi
