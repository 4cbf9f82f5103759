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
CHECKED := src tests benchmarks examples
NUMBERS := tests/statistics tests/expressions tests/scores

.PHONY: demo test extras test-kernels test-slow test-ray fuzz mutants lint format bench docs clean help

demo: $(STAMP)  ## discover, search, distil and report on embedded images
	$(BIN)/autodas demo

test: $(STAMP)  ## the tests, without the slow ones
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow and not gpu"

# PyTorch and MKL choose their code by processor, and every choice rounds in its own way. Threads
# that wait must not spin: beside other processes, that makes two of them many times slower.
test-kernels: $(STAMP)  ## the tests of numbers again, computed as on processors without AVX-512
	ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow and not gpu" $(NUMBERS)
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive \
		$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow and not gpu" $(NUMBERS)

extras: $(STAMP)  ## install what the tests of extras need; they are skipped without
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[timm,images,hf,onnx,tracking,multi-gpu,optuna]"

test-slow: $(STAMP)  ## the slow tests
	$(BIN)/python -m pytest -n $(JOBS) -m slow

# One process: a GPU is timed, and alone.
test-gpu: $(STAMP)  ## the tests on a GPU, and its speed beside one core; under 8 minutes
	$(BIN)/python -m pytest -m gpu -rs --durations=10
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks gpu

test-ray: $(STAMP)  ## the tests on real Ray clusters of this machine
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[ray]"
	$(BIN)/python -m pytest tests/backends/test_backends_ray.py tests/steps/test_on_ray.py

fuzz: $(STAMP)  ## a million inputs for everything that reads text
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[fuzz]"
	$(BIN)/python tests/reliability/fuzz.py --inputs 1000000

mutants: $(STAMP)  ## hours: which wrong lines no test notices (SAMPLE=200, ROOM=fitness, ALL=1)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[mutants]"
	$(BIN)/python tests/reliability/mutants.py $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(ALL),--all) \
		$(foreach room,$(ROOM),--room $(room))

lint: $(STAMP)  ## style and types
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy

format: $(STAMP)  ## put the style right
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

bench: $(STAMP)  ## ratios measured in one run
	$(BIN)/python -m benchmarks

docs: $(STAMP)  ## the documentation as a site in site/, every link checked
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:  ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# Written only when everything is installed, so that an interrupted installation is done again.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q $(TORCH_ARGS) -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $@
