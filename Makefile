# Lendbook's few verbs. `make run` and `make test` need Python 3.11 and make, nothing else.
PYTHON ?= python3
PY = .venv/bin/python
TEST_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/postgres
TEST_REDIS_URL ?= redis://127.0.0.1:6379/15

.PHONY: run test test-postgres lint format bench lock

.venv/installed: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-dev.txt
	@touch $@

test: .venv/installed
	$(PY) -m pytest -n 2 --dist loadfile

test-postgres: .venv/installed
	TEST_DATABASE_URL=$(TEST_DATABASE_URL) TEST_REDIS_URL=$(TEST_REDIS_URL) $(PY) -m pytest -n 2 --dist loadfile

lint: .venv/installed
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	LENDBOOK_INSTANCE=testing $(PY) manage.py makemigrations --check --dry-run
	LENDBOOK_INSTANCE=testing $(PY) manage.py check

format: .venv/installed
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock:
	uv pip compile --generate-hashes --no-header --no-emit-index-url --python-version 3.11 requirements.in -o requirements.txt
	uv pip compile --generate-hashes --no-header --no-emit-index-url --python-version 3.11 requirements-dev.in -o requirements-dev.txt
