# Lendbook's few verbs. `make run` and `make test` need Python 3.11 and make, nothing else.
PYTHON ?= python3
PY = .venv/bin/python
TEST_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/postgres
TEST_REDIS_URL ?= redis://127.0.0.1:6379/15

# Files go to two workers, in the order of tests/conftest.py: those that take longest first.
TESTS = $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder
# Whatever the environment says of another database: .ci/run sets both for `make test-postgres`.
ON_SQLITE = env -u TEST_DATABASE_URL -u TEST_REDIS_URL
ON_POSTGRES = TEST_DATABASE_URL=$(TEST_DATABASE_URL) TEST_REDIS_URL=$(TEST_REDIS_URL)

# Checks of settings need an instance; this one holds nothing.
IN_SCRATCH = LENDBOOK_DATA_DIR=.venv/instances

.PHONY: run test test-postgres torture lint format bench load messages lock audit

.venv/runs: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Lendbook needs Python 3.11 or later: make PYTHON=python3.11 …")'
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/tests: .venv/runs requirements-dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-dev.txt
	@touch $@

run: .venv/runs
	@exec $(PY) manage.py serve --end-with-parent

test: .venv/tests
	$(ON_SQLITE) $(TESTS)

test-postgres: .venv/tests
	$(ON_POSTGRES) $(TESTS)

# The long forms, on both databases; the table at the end says what was tried how often on each.
torture: export LENDBOOK_TORTURE = 1
torture: export LENDBOOK_TALLY = .venv/tried.json
torture: .venv/tests
	@rm -f $(LENDBOOK_TALLY)
	$(ON_SQLITE) $(TESTS) -m torture
	$(ON_POSTGRES) $(TESTS) -m torture

# Every figure of docs/figures.md beside the other way, in the same run; the entries of both scenes are kept for the next one.
# A missed goal is printed and counts at the end; the others are measured all the same.
BENCH_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/lendbook_bench
bench: .venv/tests
	@missed=; for what in ledger pages import_entries trackers workbook verify statements categorise; do \
		echo "== $$what"; $(PY) -m benchmarks.$$what || missed="$$missed $$what"; \
	done; \
	for what in ledger pages dashboard portal; do \
		echo "== $$what, PostgreSQL"; \
		BENCH_DATABASE_URL=$(BENCH_DATABASE_URL) $(PY) -m benchmarks.$$what || missed="$$missed $$what/PostgreSQL"; \
	done; \
	test -z "$$missed" || { echo "Below its goal:$$missed"; exit 1; }

# Payments and pages at a rate for ten minutes; LOAD="--seconds 60 --payments 5 --pages 25" or LOAD=--climb asks otherwise.
load: .venv/tests
	BENCH_DATABASE_URL=$(BENCH_DATABASE_URL) $(PY) -m benchmarks.load $(LOAD)

lint: .venv/tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m bandit --quiet --configfile pyproject.toml --recursive lendbook shop ledger trackers expenses
	$(IN_SCRATCH) LENDBOOK_INSTANCE=testing $(PY) manage.py makemigrations --check --dry-run
	$(IN_SCRATCH) LENDBOOK_INSTANCE=testing $(PY) manage.py check --database default
	$(IN_SCRATCH) LENDBOOK_INSTANCE=prod ALLOWED_HOSTS=books.example.in $(PY) manage.py check --deploy --fail-level WARNING

format: .venv/tests
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

# The customers' texts: new ones into the .po files, all of them compiled.
messages: .venv/tests
	$(PY) -m tests.translations

# Known holes of the dependencies: 0 none, 1 some, 2 the advisories could not be asked.
audit: .venv/tests
	@.ci/audit

lock:
	uv pip compile --generate-hashes --no-header --no-emit-index-url --python-version 3.11 requirements.in -o requirements.txt
	uv pip compile --generate-hashes --no-header --no-emit-index-url --python-version 3.11 requirements-dev.in -o requirements-dev.txt
