# Everything happens inside the checkout: the environment in .venv, temporary files below it.
# Needs python3 (3.11 or later), python3-venv and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DOCS_VENV := .venv-docs
CI_VENV := .venv-ci
# PySpark takes 500 MB, and nothing else needs it.
SPARK_VENV := .venv-spark
# What builds wheels, and what else a release needs.
BUILD_VENV := .venv-build
RELEASE_VENV := .venv-release
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' hwpkho/base/version.py)
SDIST := dist/hwpkho-$(VERSION).tar.gz
WHEEL := dist/hwpkho-$(VERSION)-py3-none-any.whl
ZIPAPP := dist/hwpkho.pyz
CAPTURE := fixtures/captures/x86-structv1-small
# More arguments for pytest, e.g. make test PYTEST=-x
PYTEST ?=
FUZZ_SECONDS ?= 600
# More arguments for fuzz, e.g. make fuzz FUZZ='--seed 1 --cases 200000'
FUZZ ?=
# Subjects, e.g. make bench BENCH='maps merge'
BENCH ?=
# yes: exactly what requirements-dev.lock names, by its hashes (.ci/run does so)
LOCKED ?=

export TMPDIR := $(CURDIR)/$(VENV)/tmp
export PIP_NO_CACHE_DIR := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Compiled modules are half of a quick start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv lock demo test test-thorough check cov cov-report fuzz bench man-lint shell-lint ci-lint ci-venv \
  hooks-test pages docs docs-venv dist zipapp deb sbom release-venv install-test release-check \
  browser-venv browser-test spark-venv spark-test spark-bench kernel-test uefi-test drgn-test clean

help:
	@echo 'make demo       decode a real capture and judge it against its memory map'
	@echo 'make test       all tests'
	@echo 'make test-thorough  those, the slow ones, and more examples of each property'
	@echo 'make lock       the lock files anew, with hashes'
	@echo 'make check      formatting, lint, types'
	@echo 'make cov        test-thorough with branch coverage; the codecs must have all of it'
	@echo 'make fuzz       mutated inputs of every kind for FUZZ_SECONDS (now $(FUZZ_SECONDS)) seconds'
	@echo 'make bench      times and peak memory, as ratios'
	@echo 'make man-lint   the man pages through mandoc'
	@echo 'make shell-lint the shell scripts through shellcheck'
	@echo 'make ci-lint    workflows, action, hooks and CI snippets'
	@echo 'make hooks-test the hooks for users, through pre-commit'
	@echo 'make pages      README and docs/ anew: what the commands print now, and the tables'
	@echo 'make docs       docs/ as a site, in .venv-docs/site'
	@echo 'make dist       $(SDIST) and the wheel'
	@echo 'make zipapp     $(ZIPAPP), which runs with nothing but python3'
	@echo 'make deb        a Debian package of it (needs debhelper)'
	@echo 'make sbom       what the zipapp is made of (CycloneDX)'
	@echo 'make install-test   each way of installing, from nothing; WAYS="pip zipapp": only those'
	@echo 'make release-check  all of these, built twice and tried; STRICT=yes: nothing is skipped'
	@echo 'make spark-test a fleet by Apache Spark, in an environment of its own (Java 17)'
	@echo 'make spark-bench  its rates beside those of fleet add'
	@echo 'make browser-test  reports as pages in a real browser (Chromium, and npm for axe-core)'
	@echo 'make kernel-test  builds real kernels and boots them (docs/kernel-rig.md)'
	@echo 'make uefi-test  a table of poisoned memory through UEFI firmware (docs/kernel-rig.md)'
	@echo 'make drgn-test  the drgn script of contrib/ on a real kernel (docs/kernel-rig.md)'
	@echo 'make clean      removes what the others made'

venv: $(VENV)/installed

$(VENV)/installed: pyproject.toml requirements-dev.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or later")'
	mkdir -p $(TMPDIR)
	$(PYTHON) -m venv $(VENV)
	[ -z '$(LOCKED)' ] || $(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet $(if $(LOCKED),--no-deps --no-build-isolation --editable .,--editable '.[kdump,dev]')
	touch $@

# Every wheel of each release, so that they do for Python 3.11 to 3.13 on any machine. No index and
# no host stands in them: pip takes its own.
COMPILE = $(VENV)/lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
  --quiet --upgrade
lock:
	mkdir -p $(TMPDIR)
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet uv
	$(COMPILE) --extra kdump --output-file requirements.lock
	$(COMPILE) --extra dev --output-file requirements-dev.lock
	$(COMPILE) --extra docs --output-file requirements-docs.lock
	$(COMPILE) --extra ci --output-file requirements-ci.lock
	$(COMPILE) --extra release --output-file requirements-release.lock
	$(COMPILE) --extra browser --output-file requirements-browser.lock
	$(COMPILE) --extra dev --extra spark --output-file requirements-spark.lock

demo: venv
	$(BIN)/hwpkho decode $(CAPTURE)/memory.elf $(CAPTURE)/debugfs-kho
	$(BIN)/hwpkho validate $(CAPTURE)/memory.elf $(CAPTURE)/debugfs-kho --memmap $(CAPTURE)/iomem.txt

test: venv
	$(BIN)/pytest -n auto --dist worksteal $(PYTEST)

# The slow tests, too, and more examples of each property. Where a test hangs is written after so
# many seconds; to be ready for that costs a fifth of a small test.
HANGS = -o faulthandler_timeout=300
test-thorough: venv
	TEST_PROFILE=thorough $(BIN)/pytest -n auto --dist worksteal -m 'not kernel and not browser and not spark' $(HANGS) $(PYTEST)

check: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

cov: PYTEST += --cov=hwpkho --cov-branch --cov-report=
cov: test-thorough cov-report

cov-report: venv
	$(BIN)/coverage report
	@echo 'The codecs (abi, lists as text and JSON, baselines):'
	$(BIN)/coverage report --include='hwpkho/abi/*,hwpkho/badpages/formats/text.py,hwpkho/badpages/formats/json.py,hwpkho/judging/baseline.py' --fail-under=100

fuzz: venv
	$(BIN)/python -m fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ)

bench: venv
	$(BIN)/python -m bench $(BENCH)

man-lint:
	@if command -v mandoc >/dev/null; then \
	  for page in man/*.1; do mandoc -T lint -W warning "$$page" || exit 1; done; \
	else echo 'man-lint: no mandoc here, skipped'; fi

pages: venv
	$(BIN)/hwpkho explain --markdown > docs/codes.md
	$(BIN)/python -m tests.support.pages

# A page without a place in the navigation, a dead link or anchor, a request to another host: errors.
# (With --quiet they are none: mkdocs counts only what it prints.)
docs: docs-venv
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict
	@echo 'make docs: $(DOCS_VENV)/site/index.html'

docs-venv: $(DOCS_VENV)/installed

$(DOCS_VENV)/installed: pyproject.toml requirements-docs.lock
	mkdir -p $(TMPDIR)
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/pip install --quiet --require-hashes -r requirements-docs.lock
	touch $@

# Two more environments: neither the program nor its tests need what is in them.
$(CI_VENV)/installed: pyproject.toml requirements-ci.lock
	mkdir -p $(TMPDIR)
	$(PYTHON) -m venv $(CI_VENV)
	$(CI_VENV)/bin/pip install --quiet --require-hashes -r requirements-ci.lock
	touch $@

ci-venv: $(CI_VENV)/installed

SCHEMA = $(CI_VENV)/bin/check-jsonschema --builtin-schema
ci-lint: ci-venv
	$(SCHEMA) vendor.github-workflows .github/workflows/*.yml
	$(SCHEMA) vendor.github-actions action.yml
	$(SCHEMA) vendor.gitlab-ci ci/gitlab-ci.yml
	$(CI_VENV)/bin/zizmor --offline --no-progress --persona=regular --min-severity=low .github/workflows action.yml
	$(CI_VENV)/bin/pre-commit validate-config .pre-commit-config.yaml
	$(CI_VENV)/bin/pre-commit validate-manifest .pre-commit-hooks.yaml

# As in a user's repository: pre-commit installs hwpkho, which takes half a minute.
hooks-test: ci-venv
	mkdir -p $(TMPDIR)
	tests/try_hooks.sh $(CI_VENV)/bin/pre-commit

SCRIPTS = .ci/run .github/find-python $(wildcard ci/*.sh) tests/try_hooks.sh tests/kernel/prepare.sh \
  tests/install/install.sh release/check.sh
shell-lint:
	@if command -v shellcheck >/dev/null; then shellcheck --severity=warning $(SCRIPTS); \
	else echo 'shell-lint: no shellcheck here, skipped'; fi

# hatchling and what it needs. Set PIP_NO_INDEX and PIP_FIND_LINKS to do without an index.
$(BUILD_VENV)/installed: pyproject.toml requirements-dev.lock release/locked.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or later")'
	mkdir -p $(TMPDIR)
	$(PYTHON) -m venv $(BUILD_VENV)
	$(PYTHON) -m release.locked build >$(BUILD_VENV)/requirements.txt
	$(BUILD_VENV)/bin/pip install --quiet --require-hashes -r $(BUILD_VENV)/requirements.txt
	touch $@

release-venv: $(RELEASE_VENV)/installed

$(RELEASE_VENV)/installed: pyproject.toml requirements-release.lock
	mkdir -p $(TMPDIR)
	$(PYTHON) -m venv $(RELEASE_VENV)
	$(RELEASE_VENV)/bin/pip install --quiet --require-hashes -r requirements-release.lock
	touch $@

# The wheel is made of the sdist, as whoever gets that makes it.
dist: $(BUILD_VENV)/installed
	mkdir -p $(TMPDIR)
	$(BUILD_VENV)/bin/hatchling build -t sdist -d dist
	$(BUILD_VENV)/bin/pip wheel --quiet --no-index --no-deps --no-build-isolation -w dist $(SDIST)

zipapp: dist
	rm -rf build/wheels
	mkdir -p build/wheels
	$(BUILD_VENV)/bin/python -m release.locked core >build/wheels/requirements.txt
	$(BUILD_VENV)/bin/pip download --quiet --no-deps --only-binary :all: --require-hashes \
	  -r build/wheels/requirements.txt -d build/wheels
	$(BUILD_VENV)/bin/python -m release.zipapp -o $(ZIPAPP) $(WHEEL) build/wheels/*.whl
	@echo 'make zipapp: $(ZIPAPP)'

# In a folder of its own: dpkg-buildpackage writes beside the one that it builds in.
deb: zipapp
	rm -rf build/deb
	mkdir -p build/deb
	tar -xzf $(SDIST) -C build/deb
	umask 022; cd build/deb/hwpkho-$(VERSION) && \
	  env -u MAKEFLAGS -u MFLAGS HWPKHO_ZIPAPP='$(CURDIR)/$(ZIPAPP)' dpkg-buildpackage -us -uc
	cp build/deb/hwpkho_$(VERSION)_all.deb dist
	@echo 'make deb: dist/hwpkho_$(VERSION)_all.deb'

sbom: zipapp release-venv
	rm -rf build/sbom
	$(PYTHON) -m venv --without-pip build/sbom
	$(BUILD_VENV)/bin/pip --python build/sbom/bin/python install --quiet --no-index \
	  --find-links dist --find-links build/wheels hwpkho==$(VERSION)
	$(RELEASE_VENV)/bin/python -m release.sbom --environment build/sbom/bin/python \
	  --version $(VERSION) -o dist/hwpkho-$(VERSION).cdx.json $(WHEEL) build/wheels/*.whl

install-test: deb release-venv
	PYTHON='$(PYTHON)' tests/install/install.sh $(WAYS)

export STRICT
release-check: sbom
	PYTHON='$(PYTHON)' release/check.sh

spark-test: spark-venv
	$(SPARK_VENV)/bin/pytest -m spark -rs --durations=5 $(HANGS) $(PYTEST) tests/spark

spark-bench: spark-venv
	$(SPARK_VENV)/bin/python -m bench.spark

spark-venv: $(SPARK_VENV)/installed

$(SPARK_VENV)/installed: pyproject.toml requirements-spark.lock
	mkdir -p $(TMPDIR)
	$(PYTHON) -m venv $(SPARK_VENV)
	$(SPARK_VENV)/bin/pip install --quiet --require-hashes -r requirements-spark.lock
	$(SPARK_VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# The driver and axe-core are needed by these tests alone. Chromium comes with the system; without it,
# or without npm, they are skipped and say so.
browser-test: browser-venv
	$(BIN)/pytest -m browser -n auto --dist worksteal -rs $(HANGS) $(PYTEST) tests/browser

browser-venv: $(VENV)/browser

$(VENV)/browser: requirements-browser.lock tests/browser/package-lock.json $(VENV)/installed
	$(BIN)/pip install --quiet --require-hashes -r requirements-browser.lock
	if command -v npm >/dev/null; then npm ci --prefix tests/browser --no-progress; \
	else echo 'browser-test: no npm here, axe-core is skipped'; fi
	touch $@

# KINDS names the kernels; LINUX_SRC=, CONFIG=, KERNEL=, MODULE= put one's own in: docs/kernel-rig.md
KINDS ?= arm64-4k arm64-64k x86_64
TESTS ?= tests/kernel
export LINUX_SRC CONFIG KERNEL MODULE
export EFI_GENERATION
kernel-test: venv
	tests/kernel/prepare.sh $(KINDS)
	HWPKHO_RIG_KINDS='$(KINDS)' HWPKHO_KERNELS_REQUIRED=yes \
	  $(BIN)/pytest -m kernel -n auto --dist worksteal -rs --durations=5 $(HANGS) $(PYTEST) $(TESTS)

# EFI_GENERATION names the generation whose reader the tree LINUX_SRC= has.
uefi-test:
	$(MAKE) kernel-test KINDS=x86_64-uefi TESTS=tests/kernel/test_efi_table.py

# The debugger has an environment of its own: nothing else needs it.
DRGN := $(VENV)/drgn
drgn-test: venv $(DRGN)/installed
	HWPKHO_DRGN='$(CURDIR)/$(DRGN)/bin/drgn' \
	  $(MAKE) kernel-test KINDS=x86_64-debug TESTS=tests/kernel/test_drgn.py

$(DRGN)/installed: pyproject.toml
	mkdir -p $(TMPDIR)
	$(PYTHON) -m venv $(DRGN)
	$(DRGN)/bin/pip install --quiet 'drgn>=0.0.31' --editable .
	touch $@

clean:
	rm -rf $(VENV) $(DOCS_VENV) $(CI_VENV) $(SPARK_VENV) $(BUILD_VENV) $(RELEASE_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov dist build
	rm -rf tests/browser/node_modules
	find hwpkho tests bench fuzz -name __pycache__ -type d -prune -exec rm -rf {} +
