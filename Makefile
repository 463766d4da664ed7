# Lendbook's few verbs. `make run` and `make test` need Python 3.11 and make, nothing else.
PYTHON ?= python3
PY = .venv/bin/python
TEST_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/postgres
TEST_REDIS_URL ?= redis://127.0.0.1:6379/15

# Checks of settings need an instance; this one holds nothing.
IN_SCRATCH = LENDBOOK_DATA_DIR=.venv/instances

.PHONY: run test test-postgres lint format bench lock

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
	$(PY) -m pytest -n 2 --dist loadfile

test-postgres: .venv/tests
	TEST_DATABASE_URL=$(TEST_DATABASE_URL) TEST_REDIS_URL=$(TEST_REDIS_URL) $(PY) -m pytest -n 2 --dist loadfile

# Every figure of the README beside the other way, in the same run; the entries of both scenes are kept for the next one.
BENCH_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/lendbook_bench
bench: .venv/tests
	for what in ledger pages import_entries trackers workbook statements categorise; do $(PY) -m benchmarks.$$what || exit 1; done
	for what in ledger pages; do BENCH_DATABASE_URL=$(BENCH_DATABASE_URL) $(PY) -m benchmarks.$$what || exit 1; done

lint: .venv/tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(IN_SCRATCH) LENDBOOK_INSTANCE=testing $(PY) manage.py makemigrations --check --dry-run
	$(IN_SCRATCH) LENDBOOK_INSTANCE=testing $(PY) manage.py check --database default
	$(IN_SCRATCH) LENDBOOK_INSTANCE=prod ALLOWED_HOSTS=books.example.in $(PY) manage.py check --deploy --fail-level WARNING

format: .venv/tests
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock:
	uv pip compile --generate-hashes --no-header --no-emit-index-url --python-version 3.11 requirements.in -o requirements.txt
	uv pip compile --generate-hashes --no-header --no-emit-index-url --python-version 3.11 requirements-dev.in -o requirements-dev.txt
