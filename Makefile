# make demo and make test do all their set-up: own virtual environment, dependencies, reference data where it is there.
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
DATA_SCRIPT := ../shared/data/prepare.py
APT_INSTALL := DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=20 install -y --no-install-recommends
# Compiled kernels of each way to run them stand in folders of their own.
CACHES := $(CURDIR)/.cache
KERNEL_TESTS := $(BIN)/python -m pytest -q -m "kernels and not slow" -p no:cacheprovider tests/unit tests/property
# Peers may bring threads of their own: one each, for figures that do not depend on the number of cores.
BENCH_ENV := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 ECG_ENGINE_CACHE_DIR=$(CACHES)/compiled

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-train train-cxr demo test peers data lint format typecheck unit kernels fuzz fuzz-guided accuracy bench bench-quick clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

# ---------------------------------------------------------------------------------------------------------- set-up

# A second run takes seconds: the stamp is as new as the two files that say what is installed.
$(VENV)/.installed: pyproject.toml constraints.txt
	@set -eu; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    python=""; \
	    for candidate in python3.11 python3 python3.12 python3.13; do \
	        if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	            python="$$candidate"; break; \
	        fi; \
	    done; \
	    if [ -z "$$python" ]; then echo "make: Python 3.11 or later is needed; none was found" >&2; exit 1; fi; \
	    if ! "$$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then \
	        if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	            echo "Installing python3-venv ..."; \
	            { apt-get update && $(APT_INSTALL) python3-venv; } >/dev/null; \
	        else \
	            echo "make: $$python has no venv module; install it first (Debian: apt-get install python3-venv)" >&2; exit 1; \
	        fi; \
	    fi; \
	    echo "Making $(VENV) with $$("$$python" --version) ..."; \
	    rm -rf $(VENV); \
	    "$$python" -m venv $(VENV); \
	fi; \
	echo "Installing ecg_engine and what it needs into $(VENV) (some minutes the first time) ..."; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'; \
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,bench]'
	@touch $@

$(VENV)/.installed-train: $(VENV)/.installed
	@echo "Installing PyTorch and what training needs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,train]'
	@# A peer of the importer's tests. Without what it asks for: torchvision, which its networks do not use, is large.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps torchxrayvision==1.5.7 \
	    || echo "Not installed: torchxrayvision; the tests that need it are skipped"
	@touch $@

setup: $(VENV)/.installed  ## make the virtual environment and nothing else

# Other people's tools that some tests compare with. Without them those tests are skipped, saying so.
peers:
	@missing=""; \
	command -v dciodvfy >/dev/null || missing="$$missing dicom3tools"; \
	command -v dcmdjpeg >/dev/null || missing="$$missing dcmtk"; \
	command -v pdftotext >/dev/null || missing="$$missing poppler-utils"; \
	if [ -n "$$missing" ]; then \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        echo "Installing$$missing ..."; \
	        $(APT_INSTALL) $$missing >/dev/null 2>&1 \
	            || { timeout 60 apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=20 update >/dev/null 2>&1; \
	                 $(APT_INSTALL) $$missing >/dev/null 2>&1; } \
	            || echo "Not installed:$$missing; the tests that need them are skipped"; \
	    else \
	        echo "Not installed:$$missing; the tests that need them are skipped"; \
	    fi; \
	fi

# Reference data, where there is any: ECG_ENGINE_DATA, or unpacked into .data. Without it those tests are skipped.
ifneq ($(wildcard $(DATA_SCRIPT)),)
ifeq ($(strip $(ECG_ENGINE_DATA)),)
export ECG_ENGINE_DATA := $(CURDIR)/.data
endif
endif
data: $(VENV)/.installed
	@if [ -e $(DATA_SCRIPT) ]; then $(BIN)/python $(DATA_SCRIPT) .data; fi

# ------------------------------------------------------------------------------------------------------------ uses

demo: $(VENV)/.installed  ## decode the ECGs and triage the radiographs of sample_data/ into demo_output/
	@$(BIN)/ecg-engine decode sample_data/ecg --out demo_output
	@rm -rf demo_output/radiographs
	@# Exit status 1 says that a file could not be read: one of them is cut off, so anything else is a fault.
	@set -eu; \
	status=0; $(BIN)/ecg-engine triage sample_data/radiographs --out demo_output/radiographs || status=$$?; \
	if [ $$status != 1 ] || [ "$$(grep -c "\.dcm" demo_output/radiographs/quarantine.csv)" != 1 ] \
	    || ! grep -q 12_truncated.dcm demo_output/radiographs/quarantine.csv; then \
	    echo "make: ecg-engine triage ended with status $$status and did not report the truncated radiograph alone" >&2; \
	    exit 1; \
	fi
	@echo
	@echo "12_truncated.dcm is cut off on purpose: a damaged file is named, and the others are done."
	@echo "ECGs:        demo_output/*.pdf and *.json"
	@echo "Radiographs: demo_output/radiographs/summary.html (the worklist to look at) and worklist.csv"

test: $(VENV)/.installed peers data lint typecheck unit kernels  ## everything that must pass: linters, types, tests

lint: $(VENV)/.installed  ## ruff and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

typecheck: $(VENV)/.installed
	$(BIN)/mypy

# In two processes, each with whole files: what a file prepares for its tests is prepared once.
unit: $(VENV)/.installed peers data
	ECG_ENGINE_CACHE_DIR=$(CACHES)/compiled OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --benchmark-disable

# The kernels again as plain Python, then compiled with bounds checks.
kernels: $(VENV)/.installed
	NUMBA_DISABLE_JIT=1 ECG_ENGINE_CACHE_DIR=$(CACHES)/plain $(KERNEL_TESTS)
	NUMBA_BOUNDSCHECK=1 ECG_ENGINE_CACHE_DIR=$(CACHES)/bounds $(KERNEL_TESTS)

# COUNT files of each format, or of FORMATS=scp,edf; what fails is kept in .cache/fuzz. 100,000 of each take a quarter of an hour.
COUNT ?= 2000
fuzz: $(VENV)/.installed  ## read broken files of every format: COUNT=2000 of each; only our errors, in 1 s and 512 MB
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.formats --count $(COUNT) $(if $(FORMATS),--formats $(FORMATS))

# One format at a time, led by the lines that are reached; needs `pip install atheris`. For every night: SECONDS=3600.
SECONDS ?= 600
fuzz-guided: $(VENV)/.installed  ## atheris on the reader of FORMATS=scp for SECONDS=600, from what it has found before
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.guided $(or $(FORMATS),scp) -max_total_time=$(SECONDS)

accuracy: $(VENV)/.installed data  ## accuracy floors on the reference databases, the slow ones too
	ECG_ENGINE_CACHE_DIR=$(CACHES)/compiled $(BIN)/python -m pytest tests/accuracy -m "slow or not slow"

bench: $(VENV)/.installed-bench data  ## accuracy, then speed, of kernels and stages beside the peers (half an hour)
	$(BENCH_ENV) $(BIN)/python -m benchmarks.accuracy.run
	$(BENCH_ENV) $(BIN)/python -m pytest benchmarks --benchmark-only -o filterwarnings=default

bench-quick: $(VENV)/.installed-bench data  ## accuracy beside some of the peers, on some of the records
	$(BENCH_ENV) $(BIN)/python -m benchmarks.accuracy.run --quick

setup-train: $(VENV)/.installed-train  ## the extra train too: its tests run where it is installed

train-cxr: $(VENV)/.installed-train data  ## make the weights of the radiograph models again, with their cards (hours)
	$(BIN)/python -m training.chest_segmentation --out ecg_engine/models/weights
	$(BIN)/python -m training.chest_gate --out ecg_engine/models/weights
	$(BIN)/python -m training.chest_findings --out ecg_engine/models/weights
	$(BIN)/python -m training.paediatric_pneumonia --out ecg_engine/models/weights

train-ecg: $(VENV)/.installed-train data  ## make the weights of the ECG models again, with their cards (an hour)
	$(BIN)/python -m training.single_lead_rhythm --out ecg_engine/models/weights --page docs/single_lead_rhythm.md
	$(BIN)/python -m training.twelve_lead --out ecg_engine/models/weights --page docs/twelve_lead.md

format: $(VENV)/.installed  ## ruff format and what ruff can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:  ## remove what make made, reference data and virtual environment too
	rm -rf $(VENV) .cache .data .data.part demo_output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find ecg_engine tests benchmarks training -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
