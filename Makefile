# OpenLPM: `make help` lists the verbs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# The lab makes namespaces and mounts; sudo must not lose what steers a run.
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo --preserve-env=KEEP,CI,OPENLPM_CACHE,OPENLPM_LAB_DIR)
# What runs as root through sudo leaves files of root's: give them back, and pass the exit code on.
GIVE_BACK = code=$$?; $(if $(SUDO),$(SUDO) find . -uid 0 -exec chown -h "$$(id -u):$$(id -g)" {} +;) exit $$code
# The walk of the state space covers every branch too, but being measured takes it minutes.
WALK := tests/pure/test_walk.py
# One more than processors, but four at most (tests/side_by_side.py).
WORKERS := $(shell n=$$(nproc); echo $$((n < 4 ? n + 1 : 4)))
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
# Compiled modules halve the start-up time of `lpm`.
unexport PYTHONDONTWRITEBYTECODE

# Debian's packages: what servers run (libvirt, QEMU), what the lab adds, what builds libvirt-python.
DEB := libvirt-daemon-system libvirt-clients libvirt-dev qemu-system-x86 qemu-utils qemu-block-extra \
       nbdkit dropbear-bin openssh-client e2fsprogs dosfstools mtools syslinux syslinux-common fdisk \
       libvirt-daemon-driver-storage-iscsi-direct tgt \
       postgresql iproute2 openssl gcc libc6-dev pkg-config python3 python3-dev python3-venv
# Debian 13 packs the lock daemon apart, and what lists bridges.
ifeq ($(shell . /etc/os-release; [ "$${VERSION_ID:-0}" -ge 13 ] 2>/dev/null && echo yes),yes)
DEB += libvirt-daemon-lock libvirt-daemon-plugin-lockd libvirt-daemon-driver-interface
endif

.PHONY: help
help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

# The tests start a PostgreSQL of their own: Debian's package must not set up one beside it.
NO_CLUSTER := /etc/postgresql-common/createcluster.d/openlpm.conf
# The same of their iSCSI target, which would listen on all addresses: its service stays masked.
NO_TARGET := /etc/systemd/system/tgt.service

build/.packages: Makefile
	@mkdir -p build
	@missing=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(DEB) 2>/dev/null | \
	  awk '/install ok installed/ {print $$1}' | sort > build/.have; \
	  printf '%s\n' $(DEB) | sort | comm -23 - build/.have); \
	if [ -n "$$missing" ]; then \
	  echo "Installing Debian packages:" $$missing; \
	  $(SUDO) mkdir -p $(dir $(NO_CLUSTER)); \
	  echo 'create_main_cluster = false' | $(SUDO) tee $(NO_CLUSTER) > /dev/null; \
	  case "$$missing" in *tgt*) \
	    $(SUDO) mkdir -p $(dir $(NO_TARGET)); [ -e $(NO_TARGET) ] || $(SUDO) ln -s /dev/null $(NO_TARGET);; \
	  esac; \
	  $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing > build/apt.log 2>&1 \
	    || { tail -20 build/apt.log; $(SUDO) rm -f $(NO_CLUSTER); exit 1; }; \
	  $(SUDO) rm -f $(NO_CLUSTER); \
	fi
	@touch $@

$(VENV)/.synced: requirements.lock pyproject.toml build/.packages
	@[ -x $(BIN)/uv ] || { echo "Making the Python environment"; /usr/bin/python3 -m venv $(VENV) && $(BIN)/python -m pip install -q uv==$(UV_VERSION); }
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

.PHONY: env
env: $(VENV)/.synced ## Install what is missing: Debian packages, the locked Python environment

.PHONY: lock
lock: ## Lock the Python dependencies anew (hashes in requirements.lock)
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group dev pyproject.toml -o requirements.lock

.PHONY: demo
demo: env ## Show the main job on a lab of two real servers (KEEP=1 leaves them up)
	@$(AS_ROOT) $(BIN)/python -m tools.demo; $(GIVE_BACK)

.PHONY: test
test: env ## Run every tier of tests
	@$(BIN)/coverage run -m pytest -q tests/pure --ignore=$(WALK) && $(BIN)/coverage report
	@$(AS_ROOT) $(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder tests/lab tests/contract \
	  $(WALK) tests/crash tests/engine tests/style tests/store tests/faces tests/fuzz; $(GIVE_BACK)

.PHONY: quick
quick: env ## Run the quick tiers only: pure, store, engine, faces, fuzz, style
	@$(BIN)/python -m pytest -q tests/pure tests/store tests/engine tests/faces tests/fuzz tests/style

.PHONY: bench-migrate
bench-migrate: env ## Measure our moves against virsh's, in pairs
	@$(AS_ROOT) $(BIN)/python -m tools.bench_migrate; $(GIVE_BACK)

.PHONY: chaos
chaos: env ## Break everything at every step of a move, and see that nothing is lost (CASE=… for one)
	@$(AS_ROOT) $(BIN)/lpm lab chaos $(if $(CASE),$(CASE),--jobs 2 --page docs/fault-matrix.md); $(GIVE_BACK)

.PHONY: soak
soak: env ## Two hundred moves in a row under load, one of ten disturbed at random
	@$(AS_ROOT) $(BIN)/lpm lab soak; $(GIVE_BACK)

.PHONY: bench-tls
bench-tls: env ## Measure what encryption costs, in pairs
	@$(AS_ROOT) $(BIN)/python -m tools.bench_tls; $(GIVE_BACK)

.PHONY: clean
clean: ## Remove what was built here (the image cache stays)
	@rm -rf build $(VENV) .pytest_cache .ruff_cache .hypothesis
