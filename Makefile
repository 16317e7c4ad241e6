# make repro   the whole pipeline from a fresh clone: data, training, samples, scores, report
# make test    every check from a fresh clone: format, lint, types, tests (make check is the same)
# make quick   while editing: all of these but the slow tests, in less than two minutes
# make faults  every kill, signal, corruption and bad input, of which make test tries a few
#              (SEED=1 for others), and the documented commands that train

VENV    := .venv
PYTHON  ?= python3
SEED    ?= 0
WORKERS ?= 2
CHOICE  := not faults
FAULTS  := tests/faults tests/processes tests/estimate tests/documented \
           tests/training/test_divergence.py
RUN     := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
PYTEST  := $(RUN) pytest --numprocesses $(WORKERS)

.PHONY: repro test check quick format types tests faults install clean
repro: install
	$(RUN) dvc repro

test: check
check: format
	$(MAKE) --jobs 2 types tests

quick: format
	$(MAKE) --jobs 2 types tests CHOICE="not faults and not slow"

format: install
	$(RUN) ruff format --check .
	$(RUN) ruff check .

types: install
	$(RUN) mypy

tests: install
	$(PYTEST) -m "$(CHOICE)"

faults: install
	$(RUN) pytest $(FAULTS) --all-faults --seed $(SEED) -m "faults or not faults"

install: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pgpipe needs Python >= 3.11; name one: make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV)
