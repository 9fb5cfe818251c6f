# What a developer types. Every target installs what it needs on Debian (apt, with sudo when not root).

.PHONY: help build demo test test-long test-vm check cross

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## release binaries in target/release
	@tests/deps.sh build
	cargo build --locked --release

demo: ## stream the test picture to this machine, record five seconds of it, look at the file
	@tests/deps.sh build test
	cargo build --locked --release
	tests/demo.sh

test: ## all tests that need no camera
	@tests/deps.sh build test
	RUST_TEST_THREADS=8 cargo test --locked # they mostly wait

test-long: ## a bad network in front of the programs, a minute each way of being bad, with figures
	@tests/deps.sh build test
	cargo test --locked --release --test bad_network -- --ignored --test-threads=1 --nocapture

test-vm: ## real V4L2 drivers and virtual cameras, in a virtual machine
	@tests/deps.sh build
	tests/vm/test.sh

check: ## format, lints, documentation, scripts, licences
	@tests/deps.sh build check
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	git ls-files '*.sh' .ci/run tests/vm/guest/init tests/vm/guest/*-* | xargs shellcheck
	tests/licences.sh

cross: ## aarch64 binaries for Debian 12 and Raspberry Pi OS 12 or newer, tested under qemu
	tests/cross.sh
