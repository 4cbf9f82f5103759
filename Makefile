# Two commands: `make demo` and `make test`. The virtual environment is made on first use.
PYTHON ?= python3
VENV ?= .venv
# One thread per process: small networks run many times slower with two threads on a busy machine.
export OMP_NUM_THREADS ?= 1
# For PyTorch's CPU index on an ordinary Linux laptop:
#   make demo TORCH_ARGS="--index-url https://download.pytorch.org/whl/cpu"
TORCH_ARGS ?=
JOBS ?= 2
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-slow lint bench clean

demo: $(STAMP)  ## discover, search, distil and report on embedded data
	$(BIN)/autodas demo

test: $(STAMP)  ## the test-suite, without the slow part
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

test-slow: $(STAMP)  ## the slow part of the test-suite
	$(BIN)/python -m pytest -n $(JOBS) -m slow

lint: $(STAMP)  ## style and types
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

bench: $(STAMP)  ## ratios measured in one run
	$(BIN)/python -m benchmarks

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q $(TORCH_ARGS) -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $@

clean:  ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
