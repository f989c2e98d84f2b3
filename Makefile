# Set up, show and check cgconv; `make` alone lists what there is. Everything lands in .venv, build, .data and demo (git-ignored).

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
MODEL ?= monet
WORKERS ?= 2
BIN := .venv/bin
PACKAGES := $(patsubst %/py.typed,%,$(wildcard */py.typed))

export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Build backends come from .venv too, where constraints.txt has pinned them, not from an isolated environment of their own.
INSTALL = $(BIN)/python -m pip install -q -c constraints.txt
EDITABLE = $(INSTALL) setuptools && $(INSTALL) --no-build-isolation -e

.PHONY: help demo test test-more lint types bench faults screenshots dist app clean

help:
	@echo 'make demo    translate sample photographs and a film with the bundled model, into demo/index.html (no torch)'
	@echo 'make test    run all tests                          make lint    ruff: rules and format'
	@echo 'make test-more   a Ray cluster of which nodes are killed, the page of the server in Chromium (3 minutes)'
	@echo 'make types   mypy --strict on an installed copy     make bench   time and measure on this machine'
	@echo 'make faults  damaged and hostile files, kills: what is lost or goes wrong (under 20 minutes on 2 cores; SEED=…)'
	@echo 'make screenshots   pictures of the window into build/screenshots, and those that the documents show'
	@echo 'make dist    wheel and source distribution into dist, each tried in an empty environment elsewhere'
	@echo 'make app     a folder with the window and the command as programs to double-click, into dist/app'
	@echo 'make clean   remove .venv, build, .data and demo'
	@echo 'Variables: PYTHON=python3.12   MODEL=path/or/name (demo, bench)   WORKERS=2 (test)'

.venv/made:
	@test -n '$(PYTHON)' || { echo 'cgconv needs Python 3.11 or newer: install it, or name it: make PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) scripts/setup_venv.py .venv
	@touch $@

TRANSLATIONS := $(wildcard gui/translations/*.ts)  # compiled while cgconv is built (setup.py)

.venv/base: .venv/made pyproject.toml constraints.txt setup.py $(TRANSLATIONS)
	@echo 'Installing cgconv into .venv (about 0.5 GB to download, once) …'
	@$(EDITABLE) .
	@touch $@

.venv/dev: .venv/made pyproject.toml constraints.txt setup.py $(TRANSLATIONS)
	@echo 'Installing cgconv, torch and the test tools into .venv (once; pip brings the CUDA build of torch on Linux unless it is pointed at a CPU build) …'
	@$(EDITABLE) '.[train,gui,serve,dev]'
	@touch $@ .venv/base

demo: .venv/base
	@$(BIN)/python scripts/demo.py --model '$(MODEL)' --out demo

# Where Qt's libraries cannot be had, pytest-qt would end the whole run: the window's tests are skipped then, and say so.
test: .venv/dev
	@$(PYTHON) scripts/desktop_packages.py
	$(BIN)/python -m pytest -n $(WORKERS) $$($(BIN)/python -c 'import PySide6.QtWidgets' 2>/dev/null || echo -p no:pytest-qt)

# What takes longer, or needs an extra of its own.
test-more: .venv/dev
	@$(PYTHON) scripts/desktop_packages.py --browser
	@$(INSTALL) 'ray>=2.50' 'playwright>=1.60'
	$(BIN)/python -m pytest -m more

screenshots: .venv/dev
	@$(PYTHON) scripts/desktop_packages.py --screenshots
	$(BIN)/python scripts/screenshots.py build/screenshots

dist: .venv/dev
	$(BIN)/python scripts/dist.py

app: .venv/made
	@$(PYTHON) scripts/setup_venv.py build/app-venv
	build/app-venv/bin/python -m pip install -q -c constraints.txt '.[gui]' pyinstaller
	build/app-venv/bin/pyinstaller --noconfirm --log-level WARN --distpath dist/app --workpath build/app packaging/cgconv.spec
	@cp packaging/cgconv.desktop packaging/cgconv.svg dist/app/cgconv/
	@echo 'good: dist/app/cgconv/cgconv-gui (docs/packaging.md)'

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy does not follow an editable install, so it reads a copy laid out as in a wheel. A leftover build/lib would go into it.
types: .venv/dev
	@rm -rf build/lib build/typed
	@$(INSTALL) --no-deps --no-build-isolation --target build/typed .
	@export MYPYPATH=build/typed; code=0; \
	$(BIN)/mypy $(addprefix -p cgconv.,$(PACKAGES)) || code=1; \
	$(BIN)/mypy scripts benchmarks || code=1; \
	rm -rf build/lib build/bdist.* build/typed; exit $$code

bench: .venv/dev
	@set -e; for file in benchmarks/*_speed.py; do echo "== $$file"; $(BIN)/python $$file --model '$(MODEL)'; done
	@echo '== docs/benchmarks.md'; $(BIN)/python benchmarks/write_figures.py --model '$(MODEL)'

faults: .venv/dev
	$(BIN)/python scripts/faults.py $(if $(SEED),--seed $(SEED))

clean:
	rm -rf .venv build dist demo .data .pytest_cache .mypy_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
