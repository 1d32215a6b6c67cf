# Each target sets up all it needs, in .venv; a second run reuses what the first installed. PYTHON=... names another Python.
.PHONY: help demo test test-matrix torture check bench bench-peers bench-scale test-slow encoder docs docs-links docs-screenshots docs-examples docs-film docs-settings release lines pins clean
.DEFAULT_GOAL := help

PYTHON ?=
VERSION ?=
ARGS ?=
BASE ?=
MINUTES ?= 90
NDIM ?= 2
export PYTHON

RUN := .venv/bin/python
SCREEN := xvfb-run -a -s "-screen 0 1600x1000x24"
# A window is opened where there is a screen: X11, Wayland or a Mac.
PURPOSE := $(if $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname -s))),window,run)

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo:  ## segment a sample image; opens napari where there is a screen, otherwise writes labels and a picture
	@scripts/setup $(PURPOSE)
	.venv/bin/napari-ae-seg demo $(ARGS)

test:  ## the whole test suite, in two halves at a time, under Xvfb; ARGS="tests/images -k tiff" narrows it
	@scripts/setup dev
	$(if $(ARGS),$(SCREEN) $(RUN) -m pytest $(ARGS),scripts/suite)

test-matrix:  ## the docks in old and new napari, PyQt6 and PySide6; ARGS="0.6.6/PyQt6 newest/PySide6" narrows it
	@scripts/system-libraries dev
	@scripts/matrix $(ARGS)

torture:  ## kills, damaged files, odd inputs, hurried hands, thousands of times; ARGS="files --count 300" narrows it
	@scripts/setup dev
	$(SCREEN) $(RUN) -m benchmarks.torture $(ARGS)

check:  ## style, types, rooms, manifest, doctests
	@scripts/setup dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	.venv/bin/lint-imports
	.venv/bin/npe2 validate napari.yaml
	$(SCREEN) $(RUN) -m pytest -q src

bench:  ## speed, memory and accuracy, as ratios; SETS=, METHODS= and LIMIT= narrow it
	@scripts/setup dev
	$(RUN) -m benchmarks $(ARGS)

bench-peers:  ## accuracy, speed and memory beside what people use, and docs/benchmarks.md; SETS=, METHODS= and LIMIT= narrow it
	@scripts/setup dev
	MEMORY=yes $(RUN) -m benchmarks peers

bench-scale:  ## memory, overhead and workers on images beyond memory; SCALE_GB=2 streams a smaller one than 20 GB
	@scripts/setup dev
	$(RUN) -m benchmarks scale

test-slow:  ## the tests that take minutes: a hundred kills
	@scripts/setup dev
	$(RUN) -m pytest -m slow $(ARGS)

encoder:  ## train the encoder on generated scenes, or go on where it stopped; MINUTES=90 NDIM=2
	@scripts/setup dev
	OMP_NUM_THREADS=1 $(RUN) -m encoder.train $(NDIM) --minutes $(MINUTES) --out encoder/runs/$(NDIM)d $(ARGS)

docs:  ## the documentation site in docs/_build/html: tutorials run, dead links checked
	@scripts/setup dev
	$(RUN) -m sphinx -q -W --keep-going -b html docs docs/_build/html
	$(RUN) scripts/links.py docs/_build/html

docs-links:  ## links of the documentation to other sites; needs the network
	@scripts/setup dev
	$(RUN) -m sphinx -q -b linkcheck docs docs/_build/links

docs-screenshots:  ## the pictures in docs/, from the running docks
	@scripts/setup dev
	$(SCREEN) $(RUN) docs/screenshots.py

docs-examples:  ## the pictures in docs/ that examples/ make, and their tables
	@scripts/setup dev
	for name in convolutional dense recognition regions sparse; do $(RUN) -m examples.$$name --picture docs/images/example-$$name.png || exit 1; done

docs-film:  ## the moving picture at the top of the README
	@scripts/setup dev
	$(SCREEN) $(RUN) docs/film.py

docs-settings:  ## docs/settings.md, from config.py
	@scripts/setup dev
	$(RUN) scripts/settings.py

release:  ## all that is to be right before a tag: make release VERSION=0.1.0
	@scripts/setup dev
	$(RUN) scripts/release.py --with-napari $(VERSION)

lines:  ## lines of code by room, documentation not counted; BASE=v0.1.0 puts an older revision beside them
	@python3 scripts/lines $(BASE)

pins:  ## write constraints.txt anew from what .venv holds
	@scripts/setup dev
	scripts/pins

clean:  ## remove what the targets made
	rm -rf .venv .matrix demo-output docs/_build docs/generated dist .bench-cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
