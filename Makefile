# Needs Python >= 3.11 and make, nothing else. `make demo` is the place to start; `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PEERS  := bench/peers/.venv

.PHONY: help demo env lint types layers unit test test-full bench bench-full gate gate-update gate-record gate-proof peers validation attacks answers notebooks schema golden lock peers-lock clean
help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed; found " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@echo "creating $(VENV) (about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(READY)

env: $(READY)    ## create .venv from requirements.lock

demo: env        ## run scenarios/quickstart.yaml and print what the alliance did
	@$(BIN)/alliance run scenarios/quickstart.yaml --out results/quickstart --force

lint: env        ## ruff, format and rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: env       ## mypy --strict on sim/
	$(BIN)/mypy

layers: env      ## the floors of the house
	$(BIN)/lint-imports

unit: env        ## all tests but the long counts
	$(BIN)/pytest -n 2 -m "not full"

test: lint types layers unit  ## everything a change must pass

test-full: lint types layers  ## the same with the long counts
	$(BIN)/pytest -n 2 --durations=15

bench: env       ## the quick benchmarks, in under ten minutes, with a table at the end
	$(BIN)/pytest bench -q -m "not full" --benchmark-quiet --benchmark-json=results/bench.json
	@$(BIN)/python bench/history.py results/bench.json --selection quick

bench-full: env  ## all benchmarks: billions of records, 10^8 leaves on disk, every protocol at every size
	$(BIN)/pytest bench -q --benchmark-quiet --benchmark-json=results/bench-full.json
	@$(BIN)/python bench/history.py results/bench-full.json --selection full

$(PEERS)/.ready: requirements.lock bench/peers/requirements.txt
	@echo "creating $(PEERS) (about two minutes) ..."
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock -r bench/peers/requirements.txt
	@touch $@

peers: $(PEERS)/.ready  ## measure beside other packages, rewrite results/reference/peers.*
	$(PEERS)/bin/python -m bench.peers

gate: env        ## is anything slower than what is written down? (part of test; bench/gate)
	$(BIN)/python -m bench.gate check

gate-update: env ## write down what is true now, and print old and new; commit it with the change that is meant
	$(BIN)/python -m bench.gate update

gate-record: env ## record ratios on this kind of machine, quarter of an hour; goes on where it was interrupted
	$(BIN)/python -m bench.gate record

gate-proof: env  ## plant a slowdown of 30 % in one hot path after the other, and see each caught
	$(BIN)/python -m bench.gate proof

validation: env  ## run the studies against published figures, rewrite results/reference/validation.*
	$(BIN)/python tests/validation/report.py

attacks: env     ## run every attack under every way of crossing, rewrite results/reference/attacks.* and ways.png
	$(BIN)/python -m sim.study.attacks
	$(BIN)/python -m sim.report.ways

answers: env     ## run every scenario that asks a question, rewrite the table in scenarios/README.md
	$(BIN)/python -m sim.study.answers

notebooks: env   ## execute the notebooks and store their outputs
	$(BIN)/python bench/notebooks.py

schema: env      ## rewrite the schemas and the key reference in scenarios/
	$(BIN)/alliance schema --write scenarios

golden: env      ## rewrite the golden results; look at the diff before you commit it
	$(BIN)/pytest tests/golden --update-golden

lock:            ## resolve pyproject.toml anew into requirements.lock (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -q -o requirements.lock

peers-lock:      ## resolve bench/peers/requirements.in anew into requirements.txt (needs uv)
	uv pip compile bench/peers/requirements.in -c requirements.lock --override bench/peers/overrides.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make peers-lock" -q -o bench/peers/requirements.txt

clean:           ## remove the environment and caches
	rm -rf $(VENV) $(PEERS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
