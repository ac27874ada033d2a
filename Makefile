# Everything that the project does with itself. Nothing needs to be installed or activated first: each target
# sets up what it needs, once, into folders that git ignores (.venv, .venv-infra, …), from locks with hashes.
#
#   make PYTHON=python3.13 demo     another interpreter (3.11 or later); it counts when .venv is made

PYTHON ?= python3
# A run of the tests that takes longer hangs, and is cut.
TEST_TIMEOUT_SECONDS ?= 1800
# More for pytest: make test TESTS="tests/unit -k episodes"
TESTS ?= tests examples
# make bench BENCH="--rules DIR" measures with other rules, and writes nothing.
BENCH ?= --write
# make chaos CHAOS="FIRSTSEEN_CHAOS_EVENTS=30000 FIRSTSEEN_CHAOS_SEED=2" is shorter, and other weather.
CHAOS ?= FIRSTSEEN_CHAOS_EVENTS=100000 FIRSTSEEN_HANDLER_EVENTS=3000 FIRSTSEEN_PACKAGE_EVENTS=100000 FIRSTSEEN_APP_EVENTS=100000
# make load LOAD=FIRSTSEEN_LOAD_SECONDS=3600 watches memory for an hour; LOAD_ARGS="-k hot" is one of it, and writes nothing.
LOAD ?=
LOAD_ARGS ?= --write-load
# make fuzz FUZZ=FIRSTSEEN_FUZZ_EXAMPLES=500 is shorter: of each test.
FUZZ ?= FIRSTSEEN_FUZZ_EXAMPLES=10000
# Files in MaxMind's format that the Function app's package takes along: make build-azure ADDRESS_DATABASES=geo.mmdb
ADDRESS_DATABASES ?=
# Microsoft's worker library wants this one; without it the tests that run it are skipped, and say so.
NEW_PYTHON ?= $(shell $(PYTHON) -c 'from infra.aws.build import interpreter; print(interpreter("3.13"))' 2>/dev/null)
# `make lock UPGRADE=--upgrade` takes the newest releases; without it only what the .in files ask for changes.
UPGRADE ?=

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1

BIN := .venv/bin
PIP_INSTALL := -m pip install --quiet --require-hashes
TIMEOUT := $(shell command -v timeout || command -v gtimeout)
CHECKED := $(wildcard shared functions infra tests examples demo)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check docs bench load chaos fuzz build-aws patterns cost build-azure lock sbom audit release clean python node

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { sub(/:.*/, "", $$1); printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# ---- what people run -------------------------------------------------------------------------------------

demo: .venv/.installed-cli .demo/.written ## two weeks of a made-up company's logs of four clouds, and what is new in them
	@rm -f .demo/state.db*
	$(BIN)/firstseen replay --rules shared/rules --state sqlite:.demo/state.db --format jsonl .demo/aws .demo/azure .demo/gcp .demo/yandex >.demo/findings.jsonl
	@$(BIN)/python -m demo --found sqlite:.demo/state.db
	@echo "a report by rule: $(BIN)/firstseen backtest --rules shared/rules .demo/aws .demo/azure .demo/gcp .demo/yandex"
	@echo "to look closer: export FIRSTSEEN_STATE=sqlite:.demo/state.db PATH=.venv/bin:\$$PATH"

# The check takes one processor for a minute; what the tests need is installed beside it.
BEFORE_TESTS := check .venv-infra/.installed .venv-emulators/.installed .venv-azure-runtime/.installed node_modules/.installed

test: .venv/.installed-dev ## check, then every suite
	@$(MAKE) --no-print-directory --jobs=2 $(BEFORE_TESTS)
	@$(if $(TIMEOUT),$(TIMEOUT) --kill-after=30 $(TEST_TIMEOUT_SECONDS)) $(BIN)/pytest -n 2 --dist worksteal $(TESTS); status=$$?; \
	if [ $$status -eq 124 ] || [ $$status -eq 137 ]; then \
	    echo "make: the tests were cut after $(TEST_TIMEOUT_SECONDS) s: one of them hangs" >&2; fi; exit $$status

check: .venv/.installed-dev ## style, types, and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports --no-logo --cache-dir .cache/imports

bench: .venv/.installed-dev .venv-bench/.installed ## measure speed, write docs/benchmarks.md; wants an idle machine
	$(BIN)/pytest --capture=no -o python_files='bench_*.py' tests/benchmarks $(BENCH)

chaos: .venv/.installed-dev node_modules/.installed .venv-azure-runtime/.installed ## workers, handlers and built packages in bad weather, 100,000 events: the same findings (hours)
	$(CHAOS) $(BIN)/pytest --capture=no tests/faults/test_workers.py tests/chaos

load: .venv/.installed-dev ## what the built Lambda package bears, write docs/load.md; wants an idle machine (half an hour)
	$(LOAD) $(BIN)/pytest --capture=no -o python_files='load_*.py' tests/load $(LOAD_ARGS)

fuzz: .venv/.installed-dev ## hostile input for every reader, other input each time; keeps what failed (long)
	$(FUZZ) $(BIN)/pytest --hypothesis-show-statistics tests/fuzz

CLOUDS := aws azure gcp m365 okta vk windows yandex

docs: .venv/.installed-cli ## write docs/detections*.md and docs/coverage.md anew, after a change of shared/rules
	$(BIN)/firstseen rules doc --output docs/detections.md shared/rules
	for cloud in $(CLOUDS); do \
	    $(BIN)/firstseen rules doc --cloud $$cloud --links-from docs --output docs/detections-$$cloud.md shared/rules \
	        || exit; done
	$(BIN)/firstseen coverage --rules shared/rules --named shared/coverage --format markdown --links-from docs \
	    --output docs/coverage.md

clean: ## remove everything that make made
	rm -rf .venv .venv-azure-runtime .venv-bench .venv-emulators .venv-infra .venv-lock .venv-lock-new node_modules
	rm -rf .cache .demo .hypothesis build shared/firstseen.egg-info
	find $(CHECKED) -type d -name __pycache__ -prune -exec rm -rf {} +

# ---- what is deployed ------------------------------------------------------------------------------------

build-aws: .venv/.installed-cli ## build the Lambda packages into build/aws (no Docker; needs a Python 3.13 beside)
	$(BIN)/python infra/aws/build.py

PATTERNS := $(BIN)/firstseen rules build --eventbridge

patterns: .venv/.installed-cli ## write what EventBridge hands over anew, after a change of shared/rules
	$(PATTERNS) infra/aws/event_patterns.yaml shared/rules
	$(PATTERNS) infra/aws/member.yaml --eventbridge-to bus shared/rules

cost: .venv/.installed-dev ## measure what an event costs, write docs/cost.md (minutes)
	$(BIN)/python infra/cost.py --write

build-azure: .venv/.installed-cli ## build the Function app's package into build/azure (no Docker; the same)
	$(BIN)/python infra/azure/build.py $(addprefix --address-database ,$(ADDRESS_DATABASES))

# ---- releases (docs/release.md) ---------------------------------------------------------------------------

sbom: .venv/.installed-cli ## write what is in each package into build/sbom (CycloneDX)
	$(BIN)/python infra/release/sbom.py

audit: .venv/.installed-cli ## ask for known weaknesses of all libraries; says "not audited" where nobody answers
	@$(BIN)/python infra/release/audit.py || test $$? -eq 3

release: .venv/.installed-cli ## build packages, wheel, sources and SBOM into build/release, with their hashes
	$(BIN)/python infra/release/release.py

# ---- the demo's events -----------------------------------------------------------------------------------

.demo/.written: .venv/.installed-cli $(wildcard demo/*.py demo/*/*.py)
	@rm -rf .demo && mkdir .demo
	$(BIN)/python -m demo --out .demo
	@touch $@

# ---- setting up ------------------------------------------------------------------------------------------

# $(call new_venv,folder): a virtual environment with the pip of requirements/build.txt, unless it is there.
define new_venv
@test -x $(1)/bin/pip || { rm -rf $(1) && $(PYTHON) -m venv $(1); }
$(1)/bin/python $(PIP_INSTALL) -r requirements/build.txt
endef

python:
	@command -v $(PYTHON) >/dev/null || \
	    { echo "make: $(PYTHON) is missing: install Python 3.11 or later, or name one: make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "make: $(PYTHON) is too old: firstseen needs Python 3.11 or later; name one: make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "make: $(PYTHON) has no venv module: install it (on Debian: python3-venv)" >&2; exit 1; }

node:
	@command -v npm >/dev/null && command -v node >/dev/null || \
	    { echo "make: node or npm is missing: the Azure tests run against Azurite, which needs Node 20 or later" >&2; exit 1; }
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' || \
	    { echo "make: node is too old: Azurite needs Node 20 or later" >&2; exit 1; }

.venv/.installed-cli: requirements/build.txt requirements/cli.txt pyproject.toml | python
	$(call new_venv,.venv)
	$(BIN)/python $(PIP_INSTALL) -r requirements/cli.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: requirements/dev.txt .venv/.installed-cli
	$(BIN)/python $(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

.venv-%/.installed: requirements/%.txt requirements/build.txt | python
	$(call new_venv,$(@D))
	$(@D)/bin/python $(PIP_INSTALL) -r $<
	@touch $@

.venv-azure-runtime/.installed: requirements/azure-runtime.txt requirements/build.txt | python
ifeq ($(NEW_PYTHON),)
	@echo "make: no Python 3.13: Microsoft's worker library is not installed, and its tests will be skipped" >&2
else
	@test -x $(@D)/bin/pip || { rm -rf $(@D) && $(NEW_PYTHON) -m venv $(@D); }
	$(@D)/bin/python $(PIP_INSTALL) -r requirements/build.txt
	$(@D)/bin/python $(PIP_INSTALL) -r $<
	@touch $@
endif

node_modules/.installed: package.json package-lock.json | node
	npm ci --ignore-scripts
	@touch $@

# ---- locks -----------------------------------------------------------------------------------------------

# dev first, then what is shipped within its bounds, then what lives apart. Run it with the oldest Python that is
# supported, so that nothing that only that one needs is missing.
SHIPPED := core cli aws azure
APART := infra emulators bench build lock
COMPILE = .venv-lock/bin/pip-compile --quiet $(UPGRADE) --generate-hashes --allow-unsafe --strip-extras --no-header \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# With the Python that the worker library wants.
.venv-lock-new/.installed: requirements/lock.txt requirements/build.txt
	@test -x $(@D)/bin/pip || { rm -rf $(@D) && $(NEW_PYTHON) -m venv $(@D); }
	$(@D)/bin/python $(PIP_INSTALL) -r requirements/build.txt
	$(@D)/bin/python $(PIP_INSTALL) -r $<
	@touch $@

lock: .venv-lock/.installed .venv-lock-new/.installed | node ## write requirements/*.txt and package-lock.json anew
	$(COMPILE) --output-file requirements/dev.txt requirements/dev.in
	for name in $(SHIPPED); do $(COMPILE) --constraint requirements/dev.txt \
	    --output-file requirements/$$name.txt requirements/$$name.in || exit 1; done
	for name in $(APART); do $(COMPILE) \
	    --output-file requirements/$$name.txt requirements/$$name.in || exit 1; done
	$(subst .venv-lock,.venv-lock-new,$(COMPILE)) --output-file requirements/azure-runtime.txt requirements/azure-runtime.in
	npm install --package-lock-only --ignore-scripts
	@! grep -n -E '://|--(index|find|extra|trusted)' requirements/*.txt || \
	    { echo "make: a lock names an address: packages must come from wherever pip is told to look" >&2; exit 1; }
	@! grep -n '"resolved"' package-lock.json || \
	    { echo "make: package-lock.json names an address (npm 8 or later leaves it out, see .npmrc)" >&2; exit 1; }
