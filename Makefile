# `make demo` and `make test` set up all they need in $(VENV); reruns are quick until pyproject.toml changes.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check

.PHONY: demo quick test generic avx2 check docs search fuzz faults bench clean

demo: $(VENV)/.installed-core
	$(BIN)/synaptile demo

quick: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 -m 'not slow'

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2

# Kernels as any processor gets them, without AVX, compiled into a cache of their own; another BLAS kernel beside them.
generic: $(VENV)/.installed-dev
	NUMBA_CPU_NAME=generic NUMBA_CACHE_DIR=$(VENV)/numba-generic OPENBLAS_CORETYPE=Haswell \
	$(BIN)/python -m pytest -n 2 -m 'not slow' tests/simulator tests/nir

# The same as processors with AVX2 and FMA get them.
avx2: $(VENV)/.installed-dev
	NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+lzcnt \
	NUMBA_CACHE_DIR=$(VENV)/numba-avx2 $(BIN)/python -m pytest -n 2 -m 'not slow' tests/simulator tests/nir

check: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Warnings are errors. The site needs no network; open build/docs/index.html.
docs: $(VENV)/.installed-dev
	$(BIN)/sphinx-build --fail-on-warning --quiet --jobs auto docs build/docs

# Property tests on inputs that nobody has drawn before; what it finds becomes an example of its test.
search: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --hypothesis-profile search -m hypothesis

# Files of strangers: a thousand mutations for every reader; some minutes.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m scripts.fuzz --count 1000

# Kills, full disks, lost processes of clusters: what is rerun ends as if nothing had been; an hour at most.
faults: $(VENV)/.installed-dev
	$(BIN)/python scripts/faults.py

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# The stamp is written last: a setup that was cut short is done again.
$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	touch $@

# Without torch, which only the conversion of a model needs.
$(VENV)/.installed-core: pyproject.toml $(VENV)/.created
	$(PIP) --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.created
	$(PIP) --editable '.[convert,dev,docs]'
	touch $(VENV)/.installed-core $@
