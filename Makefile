# The verbs of this project. Each does its own set-up.

SHELL := /bin/sh
export PATH := $(HOME)/.cargo/bin:$(PATH)

RUST_MINIMUM := 1.93
DENY := target/tools/bin/cargo-deny
DATA ?= target/bench-data
PATHS ?= samples/logs
ARGS ?= --list malicious=samples/known-bad.txt

.PHONY: help run build test check bench fuzz fmt rust

help: ## What there is to do.
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/:/'

run: rust ## Scan the sample incident, or PATHS=… with ARGS=….
	cargo run --quiet --release --package callerwatch -- scan $(PATHS) $(ARGS)

build: rust ## Build target/release/callerwatch.
	cargo build --release --package callerwatch

test: rust ## All tests.
	cargo test --workspace

check: rust $(DENY) ## Formatting, lints, documentation, dependencies.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --document-private-items --quiet
	$(DENY) check bans licenses sources

bench: build $(DATA) ## How fast, against a bare pipeline. DATA=… names a set made by gen_cloudtrail.py.
	cargo bench --package callerwatch-tests --bench parts -- $(abspath $(DATA))
	CALLERWATCH=$(CURDIR)/target/release/callerwatch cargo bench --package callerwatch-tests --bench throughput -- $(abspath $(DATA))

target/bench-data:
	@test -f ../shared/gen_cloudtrail.py || { echo 'bench: no generator of logs here; name a folder of CloudTrail .json.gz files (AWSLogs/… and feed.txt) with DATA=…'; exit 1; }
	python3 ../shared/gen_cloudtrail.py --size-mb 300 --seed 7 --out $@.part
	mv $@.part $@

fmt: rust ## Format the code.
	cargo fmt --all

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
