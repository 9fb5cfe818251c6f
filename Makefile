# What a developer types. Every target installs what it needs on Debian (apt, with sudo when not root).

# where rustup puts Rust, before one of apt that is too old
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: help build install uninstall demo test test-long bench bench-instructions test-vm test-power fuzz miri check deb test-deb dist cross

# make fuzz: how long each target runs, and which one alone
SECONDS ?= 60
TARGET ?=
# make bench: which parts alone
ONLY ?=
# make test-vm: which jobs alone
JOBS ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## release binaries in target/release
	@tests/scripts/deps.sh build
	cargo build --locked --release

install: ## what make build has built, units, manual, completions: DESTDIR=, PREFIX=/usr/local, SYSCONFDIR=/etc
	@packaging/install.sh install

uninstall: ## take that away again; changed options and recordings stay
	@packaging/install.sh uninstall

demo: ## stream the test picture to this machine, record five seconds of it, look at the file
	@tests/scripts/demo.sh

test: ## all tests that need no camera
	@tests/scripts/test.sh

test-long: ## a bad network a minute each way, a day of recording, 5 GB, 200 kills, with figures
	@tests/scripts/deps.sh build test
	cargo test --locked --release --test it network:: -- --ignored --test-threads=1 --nocapture
	HOURS=24 cargo test --locked --release --test day_at_speed -- --nocapture
	cargo test --locked --release --test it files::matroska -- --ignored --nocapture
	cargo test --locked --release --test it spill -- --ignored --nocapture
	KILLS=200 cargo test --locked --release --test it files::disk::a_killed -- --nocapture

bench: ## what it costs beside bare loops, as ratios: QUICK=1 for a first look, ONLY=sender, ROUNDS=5
	@tests/scripts/deps.sh build bench
	cargo bench --locked --bench figures -- $(ONLY)

bench-instructions: ## instructions a frame, against tests/golden: UPDATE_GOLDEN=1 renews what they are held against
	@tests/scripts/deps.sh build bench
	cargo build --locked --release --example instructions
	$${CARGO_TARGET_DIR:-target}/release/examples/instructions

test-vm: ## real V4L2 drivers and virtual cameras, in a virtual machine: JOBS="boot vivid" alone, ARCH=arm64 for an ARM one
	@tests/scripts/deps.sh build test
	tests/vm/test.sh $(JOBS)

test-power: ## the power goes while camrec records, 20 times, in a virtual machine
	@tests/scripts/deps.sh build test players
	tests/vm/powercut.sh 20

fuzz: ## what comes from outside, fuzzed: SECONDS=60 each, TARGET=rtsp alone
	@tests/scripts/deps.sh build
	@tests/scripts/fuzz.sh "$(SECONDS)" "$(TARGET)"

miri: ## the ring of buffers, and what is read from outside, under Miri (rustup's nightly)
	@tests/scripts/miri.sh $(ROOM)

check: ## format, lints, documentation, links, scripts, licences, units, manual pages, completions
	@tests/scripts/deps.sh build check
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	git ls-files '*.sh' '*.bash' 'packaging/*/p*' .ci/run tests/vm/guest/init tests/vm/guest/*-* | xargs shellcheck
	tests/scripts/links.sh
	tests/scripts/licences.sh
	tests/scripts/units.sh
	tests/scripts/manual.sh
	tests/scripts/completions.sh
	tests/scripts/install.sh

deb: ## the packages camcast and camrec, in target/deb: BIN_DIR=target/cross/arm64 for those of make cross
	@tests/scripts/deps.sh build pack
	$(if $(BIN_DIR),,cargo build --locked --release --bins)
	packaging/deb.sh

test-deb: ## those packages judged by lintian, installed, upgraded and purged in a folder
	@tests/scripts/deps.sh build pack deb
	$(if $(BIN_DIR),,cargo build --locked --release --bins)
	tests/scripts/deb.sh

dist: ## a release in target/dist: source that builds without a network, packages, checksums
	@tests/scripts/deps.sh build dist
	tests/scripts/dist.sh

cross: ## ARM binaries for Debian 12, Raspberry Pi OS 12 or newer, in target/cross/ARCH, tested under qemu: ARCH=arm64 or armhf
	tests/scripts/cross.sh
