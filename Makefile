# Each target sets up .venv itself when it is missing or older than the files that define it.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export OMP_NUM_THREADS ?= 1
PYTEST := $(BIN)/python -m pytest
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadgroup

.PHONY: demo test test-quick test-long check docs audit bench faults studies validate-statistics mutants clean

demo: $(STAMP) ## The main job on the embedded scenes: sweep, interrupt, resume, best
	$(BIN)/python docs/demo.py

test: test-quick ## All tests but the longest; those that kill processes have the machine to themselves
	$(PYTEST) -m "slow and not long" $(PARALLEL)
	$(PYTEST) -m "alone and not long"

test-quick: $(STAMP) ## The tests that take no more than about a second each
	$(PYTEST) -m "not slow and not alone and not long" $(PARALLEL)

test-long: $(STAMP) ## The tests that take minutes and whose kind a shorter test covers
	$(PYTEST) -m long

check: $(STAMP) docs ## Format, lint, types, import contracts, names, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.names

docs: $(STAMP) ## The documents as a site in build/site; a broken link or reference is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

audit: $(STAMP) ## Known advisories for the exact versions of constraints.txt, less docs/audit-exceptions.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[audit]"
	$(BIN)/python -m tests.audit

bench: $(STAMP) ## Speed, as ratios side by side in one run
	$(BIN)/python -m tests.benchmarks

faults: $(STAMP) ## The long form of the fault suite
	$(BIN)/python -m tests.faults damage
	$(BIN)/python -m tests.faults kills
	$(BIN)/python -m tests.faults operations

studies: $(STAMP) ## Every study from end to end on the embedded scenes, small
	$(BIN)/python -m tests.studies --out demo/studies

validate-statistics: $(STAMP) ## How often the intervals of the analysis hold the truth, over 2,000 simulated sweeps; resumable
	$(BIN)/python -m tests.validation --out demo/validation --sweeps 2000

mutants: $(STAMP) ## Mutation run over the decision core and training; resumable, some hours (ONLY="runners.core.halving*" takes a part)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[mutants]"
	$(BIN)/python -m mutmut run $(if $(ONLY),"$(ONLY)")
	$(BIN)/python -m mutmut results

clean: ## Everything that was made here, the virtual environment included
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build demo mutants

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'seatbelt needs Python 3.11 or newer')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[lite,onnx,dev,docs]"
	touch $(STAMP)
