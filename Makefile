# The commands of this repository: people and CI run the same ones. `make` alone lists them.
#
# Nothing but Rust, make and a C compiler has to be there beforehand: `setup` sees to the rest, or says what to
# install. Recipes stay one command each; whatever needs thought is in deploy/setup.sh.

CARGO ?= cargo
PYTHON ?= python3

# What the golden files were made with. They hold what these versions say, so a change here is a change of tests.
GOLDEN_PACKAGES := pillow==12.3.0 numpy==2.4.6 scikit-image==0.26.0 scikit-learn==1.9.1
GOLDEN_SCRIPTS := $(sort $(wildcard $(addprefix server/*/tests/golden/,make.py make_augment.py variants/make.py)))
GOLDEN_PYTHON := target/golden-python/bin/python

# Optional parts of the daemon, for `build` and `wheel`: `make build FEATURES=jpeg2000`.
FEATURES ?=
WITH_FEATURES := $(if $(FEATURES),--features $(FEATURES))

# Built together and run from where they lie: alone, the benches would resolve to other features and compile anew.
BUILD_BENCHES := $(CARGO) build --release --locked -p bandwise -p bandwise-benches
BENCHES := $(or $(CARGO_TARGET_DIR),target)/release

# What `make deny` runs; built in the target folder where there is none, which takes minutes, once.
CARGO_DENY := cargo-deny@0.20.2
TOOLS := $(abspath $(or $(CARGO_TARGET_DIR),target))/tools

.DEFAULT_GOAL := help
.PHONY: help demo test setup build wheel sdist fmt fmt-check clippy docs deny golden corpus bench bench-python peers

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: setup ## Show all of it on the embedded photographs; writes demo/contact-sheet.png
	$(CARGO) run --release --locked --bin bandwise -- demo

test: setup ## Run every test of every crate, examples in the documentation included, and those of the Python package
	$(CARGO) test --locked --workspace
	$(CARGO) test --locked --workspace --features jpeg2000 --test variants --test jpeg2000 --test fingerprints
	PYTHON=$(PYTHON) sh client/python/package.sh test

setup: ## Install what the build needs (cmake, nasm), or say what to install; silent when all is there
	@sh deploy/setup.sh

build: setup ## Build the daemon for use: target/release/bandwise; with FEATURES=jpeg2000 it reads JPEG 2000 too
	$(CARGO) build --release --locked --bin bandwise $(WITH_FEATURES)

wheel: build ## Make the Python package with the daemon in it: target/wheels/*.whl
	PYTHON=$(PYTHON) sh client/python/package.sh wheel

sdist: setup ## Make the Python package's source distribution, with the daemon's sources: target/sdist/*.tar.gz
	PYTHON=$(PYTHON) sh client/python/package.sh sdist

fmt: ## Format all Rust code
	$(CARGO) fmt --all

fmt-check: ## Fail where Rust code is not formatted
	$(CARGO) fmt --all -- --check

clippy: setup ## Lint every target of every crate; a warning is an error
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings

docs: setup ## Build the documentation; a warning or a broken link is an error
	RUSTDOCFLAGS="-D warnings -D rustdoc::broken_intra_doc_links" $(CARGO) doc --locked --workspace --no-deps

deny: export PATH := $(TOOLS)/bin:$(PATH)
deny: ## Check licences, bans and sources of all dependencies (deny.toml); builds cargo-deny in target/tools if missing
	@$(CARGO) deny --version >/dev/null 2>&1 || { \
		echo "cargo-deny is missing; building it in $(TOOLS), which takes minutes"; \
		$(CARGO) install --locked --root $(TOOLS) $(CARGO_DENY); }
	$(CARGO) deny --locked check licenses bans sources

golden: ## Make the golden files again with pinned Python packages, and show which of them changed
	@command -v cjpeg >/dev/null || { echo "cjpeg is missing (Debian: libjpeg-turbo-progs)" >&2; exit 1; }
	@command -v opj_compress >/dev/null || { echo "opj_compress is missing (Debian: libopenjp2-tools)" >&2; exit 1; }
	$(PYTHON) -m venv target/golden-python
	$(GOLDEN_PYTHON) -m pip install --quiet --disable-pip-version-check $(GOLDEN_PACKAGES)
	@set -e; for script in $(GOLDEN_SCRIPTS); do echo "golden: $$script"; $(GOLDEN_PYTHON) $$script; done
	git status --short -- $(dir $(GOLDEN_SCRIPTS))

corpus: setup ## Make 2000 JPEGs like ImageNet's in target/corpus, out of Debian's wallpapers (downloads 170 MB)
	$(BUILD_BENCHES)
	sh benches/photos.sh target/photos
	$(BENCHES)/corpus --out target/corpus --from target/photos

bench: setup ## Measure daemons on target/corpus, transport, replay, kernels; rewrites the tables of benches/RESULTS.md
	$(BUILD_BENCHES)
	$(BENCHES)/baseline --corpus target/corpus --write
	$(BENCHES)/crops --corpus target/corpus --write
	$(BENCHES)/fidelity --corpus target/corpus --write
	$(BENCHES)/transport --write
	$(BENCHES)/fleet --corpus target/corpus --write
	$(BENCHES)/replay --corpus target/corpus --write
	$(BENCHES)/kernels --write

bench-python: wheel ## Measure the Python client on target/corpus: CPU, first batch, memory; rewrites RESULTS.md
	PYTHON=$(PYTHON) sh client/python/package.sh bench
	target/python-bench/bin/python benches/python_client.py --binary $(BENCHES)/bandwise --corpus target/corpus --write

peers: setup ## Measure the daemon beside timm, torchvision and seven other loaders on target/corpus (50 minutes)
	$(BUILD_BENCHES)
	PYTHON=$(PYTHON) sh benches/peers/setup.sh target/peers
	$(PYTHON) benches/peers/run.py --corpus target/corpus --envs target/peers --programs $(BENCHES) --write
