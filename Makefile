# make repro   the whole pipeline from a fresh clone: data, training, samples, scores, report
# make test    every check from a fresh clone: format, lint, types, tests (make check is the same)
# make quick   while editing: all of these but the slow tests, in about six minutes
# make full    what needs a browser, docker or a notebook's kernel; what is missing is named
# make site    the documentation as pages in site/, which a browser opens without a network
# make install-locked  the environment of packages whose hashes are known (Linux x86_64, Python 3.11)
# make faults  every kill, signal, corruption and bad input, of which make test tries a few
#              (SEED=1 for others), the documented commands that train, and the benchmarks

VENV    := .venv
PYTHON  ?= python3
SEED    ?= 0
WORKERS ?= 3
CHOICE  := not faults and not full
FAULTS  := tests/faults tests/plumbing/processes tests/estimate tests/documented \
           tests/training/test_divergence.py tests/test_own_images.py tests/experiments/test_queue.py \
           tests/experiments/test_jobs.py tests/benchmarks tests/metrics/test_swd.py
RUN     := PATH="$$PWD/$(VENV)/bin:$$PATH"
PYTEST  := $(RUN) pytest --numprocesses $(WORKERS)

TORCH   := $(shell sed -n 's/^torch==//p' constraints.txt)+cpu
LOCK    := uv pip compile - --universal --python-version 3.11 --generate-hashes --no-annotate \
           --constraint constraints.txt --custom-compile-command 'make lock'

.PHONY: repro test check quick format types tests full site faults install install-locked lock place clean
repro: install
	$(RUN) dvc repro

test: check
check: format
	$(MAKE) --jobs 2 types tests

quick: format
	$(MAKE) --jobs 2 types tests CHOICE="not faults and not full and not slow"

format: install
	$(RUN) ruff format --check .
	$(RUN) ruff check .

types: install
	$(RUN) mypy

tests: install
	$(PYTEST) -m "$(CHOICE)"

faults: install
	$(RUN) pytest $(FAULTS) --all-faults --seed $(SEED) -m "faults or not faults"

full: install
	$(RUN) pytest -m full

site: install
	NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict --quiet
	@echo "open site/index.html"

install: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml constraints.txt | place
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev,docs]'
	-$(VENV)/bin/python -m compileall -qq -j 0 $(VENV)/lib  # pip would take one core for it
	@touch $@

# The hashes of an environment: what builds packages first, so that nothing is fetched unseen.
# torch's build for CPUs comes from where pip looks beside its index (PIP_EXTRA_INDEX_URL).
install-locked: | place
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --require-hashes -r locks/build.txt
	$(VENV)/bin/pip install --quiet --require-hashes --no-build-isolation -r locks/packages.txt
	$(VENV)/bin/pip install --quiet --no-build-isolation --no-deps -e .
	@touch $(VENV)/.installed

# After a change of constraints.txt; needs uv. No two systems have the same wheel of torch.
lock:
	printf '%s\n' hatchling editables setuptools wheel | $(LOCK) --output-file locks/build.txt
	sed 's/^torch==.*/& ; sys_platform != "linux"/' constraints.txt \
	  | $(LOCK) --no-deps --output-file locks/packages.txt
	wheels=$$(mktemp -d) && $(PYTHON) -m pip download --no-deps --dest $$wheels torch==$(TORCH) \
	  && { echo 'torch==$(TORCH) ; sys_platform == "linux" \'; \
	       $(PYTHON) -m pip hash $$wheels/*.whl | sed -n 's/^--hash/    &/p'; } >> locks/packages.txt \
	  && rm -r $$wheels

# What an installation needs of a folder, before there is one: DVC wants git, and a virtual
# environment cannot lie just anywhere.
place:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pgpipe needs Python >= 3.11; name one: make PYTHON=python3.11 ..." >&2; exit 2; }
	@command -v git > /dev/null || { \
	  echo "git is not installed, and DVC needs it; install it (apt install git)" >&2; exit 2; }
	@reason=$$(git rev-parse --git-dir 2>&1) || { echo "no git repository here, which DVC needs" \
	  "($$reason); run: git init && git add -A && git commit -m sources" >&2; exit 2; }
	@case "$$PWD" in *[:\"\$$\`]*) false;; *) [ "$$(pwd | wc -l)" -eq 1 ];; esac || { \
	  echo "a virtual environment does not work in a folder with one of : \" \$$ \` or a line break" \
	  "in its path; move the project" >&2; exit 2; }

clean:
	rm -rf $(VENV) site
