# Every target makes the virtual environment that it needs in .venv, the first time; `make` alone lists them.
# Another Python: make PYTHON=python3.12 test.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := $(VENV)/peers
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check \
	--constraint constraints.txt --build-constraint constraints.txt
INSTALL_PEERS := $(subst constraints.txt,$(PEERS)/constraints.txt,$(subst $(BIN),$(PEERS)/bin,$(INSTALL)))
# Before anything that needs torch: so that a CPU build that is at hand is taken, and nothing newer.
TORCH := torch==2.13.0
SOURCES := src tests .ci $(wildcard docs/*.py benchmarks examples)
JOBS ?= 2
OUT ?= demo

# Two processes of one thread each are faster on two cores than one of two, and thread counts are part of determinism.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help demo report test lint types pytest slow bench docs wheel lock format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## auto, margin and random on digits, offline, in a minute
	$(BIN)/claros demo

report: $(VENV)/.demo  ## the page of a finished run: make report OUT=folder
	$(BIN)/claros report $(OUT)

test: lint types pytest  ## what CI runs: lint, types, tests

lint: $(VENV)/.dev  ## ruff: rules and format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(VENV)/.dev  ## mypy --strict
	$(BIN)/mypy

pytest: $(VENV)/.dev  ## the tests, without the slow ones
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder -m "not slow" --durations 15

slow: $(VENV)/.dev  ## studies and stress tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder -m slow

bench: $(VENV)/.peers  ## side by side with peers, as ratios of one run (25 minutes)
	$(BIN)/python -m benchmarks --peers $(PEERS)/bin/python --out benchmarks
	$(BIN)/python docs/generate_performance.py

docs: $(VENV)/.dev  ## write the generated pages and the picture of the README anew
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/gallery.py
	$(BIN)/python docs/generate_cli.py
	$(BIN)/claros demo --out build/demo
	cp build/demo/figures/accuracy.png docs/images/demo.png

wheel: $(VENV)/.demo  ## build the wheel into dist/
	$(BIN)/python -m pip wheel -qq --no-deps --build-constraint constraints.txt --wheel-dir dist .

format: $(VENV)/.dev  ## let ruff put the code in order
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

lock:  ## resolve anew: requirements.lock (what claros[all] needs) and constraints.txt (that and the tests' tools)
	./lock.sh $(PYTHON) $(TORCH)

clean:  ## remove the environment and everything built
	rm -rf $(VENV) build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check pip==26.3

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[data,sklearn,report]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) $(TORCH)
	$(INSTALL) --editable '.[all]' --group test --group lint
	touch $@ $(VENV)/.demo

# Some peers want other versions than we do, so they have an environment of their own; shared packages are the same, but
# for skorch, of which modAL wants one release and no other.
$(VENV)/.peers: benchmarks/peers.txt constraints.txt | $(VENV)/.dev
	$(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check pip==26.3
	grep -v '^skorch==' constraints.txt > $(PEERS)/constraints.txt
	$(INSTALL_PEERS) $(TORCH)
	$(INSTALL_PEERS) --requirement benchmarks/peers.txt
	touch $@
