# Everything here works on a fresh clone: .venv is made when it is missing, and brought up to date when
# pyproject.toml or a native kernel has changed. Use another Python with `make PYTHON=python3.12 ...`, and give
# pip further arguments with PIP_ARGS, such as an index of CPU-only wheels.
# `make test CPU=portable` (or avx2, avx512, avx512_bf16, amx) computes as a lesser processor would, and
# `make test TESTS=tests/ops` runs a part, `make test TESTS=--cov` says which lines of the package are run.
PYTHON ?= python3
PIP_ARGS ?=
CPU ?=
TESTS ?=

BIN := .venv/bin
SOURCES := pyproject.toml hatch_build.py $(wildcard src/semsynth/_native/*.cpp src/semsynth/_native/*.h)
# Without bytecode for all 15,000 files: Python compiles those that it imports.
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile $(PIP_ARGS)

# Images of containers often set it. Then every process would compile the modules of PyTorch again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo examples sheet test quick lint format docs site clean

help:
	@echo "make demo     paint the example label maps; the sheet is demo/output/sheet.png"
	@echo "make test     run all tests; with CPU=portable, avx2, ... as on such a processor"
	@echo "make quick    the fast tests of the library's parts: under two minutes"
	@echo "make lint     style, types and import rules"
	@echo "make format   mend the style"
	@echo "make docs     build the documentation; its first page is build/site/index.html"
	@echo "make site     write the painting page for any web server into build/paint"
	@echo "make examples draw the example label maps again"
	@echo "make sheet    paint the picture at the head of the README again"
	@echo "make clean    remove .venv and what the tools leave behind"

demo: .venv/.installed
	@$(BIN)/semsynth demo --output demo/output

examples: .venv/.installed
	$(BIN)/python tools/draw_examples.py

# Eight of the examples, so that the picture stays small.
SHEET_MAPS := $(wildcard $(foreach n,01 02 04 05 06 07 08 10,src/semsynth/pretrained/landscape/examples/$(n)-*.png))

sheet: .venv/.installed
	$(BIN)/semsynth demo $(SHEET_MAPS) --output demo/output --tile 160 --sheet docs/images/sheet.jpg

test: export SEMSYNTH_CPU := $(or $(CPU),$(SEMSYNTH_CPU))
test: .venv/.installed-dev
	@$(BIN)/python -m semsynth info >/dev/null
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder $(TESTS)

# No training, no other process, no browser.
quick: .venv/.installed-dev
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow and not browser" --durations=3 \
		$(addprefix tests/,ops losses models labels images files data test_pipeline.py)

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

site: .venv/.installed-site
	$(BIN)/semsynth app --static build/paint --overwrite

clean:
	rm -rf .venv demo/output build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "semsynth needs Python 3.11 or newer; say which with make PYTHON=..."; exit 1; }
	@echo "Making .venv ..."
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }

.venv/.installed: $(SOURCES) | .venv/bin/python
	@echo "Installing into .venv (PyTorch is large: a minute or two) ..."
	@$(INSTALL) -e '.[app,eval,plot]'
	@touch $@

.venv/.installed-site: .venv/.installed
	@$(INSTALL) -e '.[site]'
	@touch $@

.venv/.installed-dev: $(SOURCES) | .venv/bin/python
	@echo "Installing into .venv (PyTorch is large: a minute or two) ..."
	@$(INSTALL) -e '.[dev]'
	@touch .venv/.installed $@
