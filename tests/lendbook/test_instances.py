"""Instances are apart: what one of them signed or stored is worth nothing in another; prod refuses what is unsafe."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from tests import world

ROOT = Path(__file__).resolve().parents[2]


def manage(data_dir, *command, instance="dev", **environment):
    """Run manage.py in an instance below `data_dir`; returns the finished process with its text."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LENDBOOK_ENV_FILE") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**kept, "LENDBOOK_DATA_DIR": str(data_dir), "LENDBOOK_INSTANCE": instance, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


def shell(data_dir, code, **options):
    return manage(data_dir, "shell", "--no-imports", "-v0", "-c", code, **options)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DEBUG": "True"}, "take DEBUG out"),
        ({"SECRET_KEY": "django-insecure-1"}, "default SECRET_KEY"),
        ({"SECRET_KEY": "short", "ALLOWED_HOSTS": "books.example.in"}, "default SECRET_KEY"),
        ({}, "set e.g. ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "books.example.in, *"}, "and no *"),
        ({"LENDBOOK_TRUSTED_PROXIES": "127.0.0.1,proxy.local"}, "names 'proxy.local', which is no address"),
    ],
)
def test_prod_refuses_what_is_unsafe_and_says_what_to_set(tmp_path, environment, words):
    refused = manage(tmp_path, "check", instance="prod", **environment)
    assert refused.returncode != 0
    assert words in refused.stderr


def test_prod_with_its_host_names_passes_every_deployment_check(tmp_path):
    checked = manage(
        tmp_path, "check", "--deploy", "--fail-level", "WARNING", instance="prod", ALLOWED_HOSTS="books.example.in"
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("environment", "subdomains", "preload"),
    [
        ({}, False, False),
        ({"LENDBOOK_HSTS_SUBDOMAINS": "True"}, True, False),
        ({"LENDBOOK_HSTS_PRELOAD": "True"}, True, True),  # no browser takes it without the subdomains
        ({"LENDBOOK_HSTS_PRELOAD": "True", "LENDBOOK_TLS": "False"}, False, False),
    ],
)
def test_other_names_of_the_domain_are_bound_to_tls_on_choice_alone(tmp_path, environment, subdomains, preload):
    code = (
        "from django.conf import settings as s\n"
        "print(s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD, s.SECURE_HSTS_SECONDS > 0)"
    )
    told = shell(tmp_path, code, instance="prod", ALLOWED_HOSTS="books.example.in", **environment).stdout
    assert told.split() == [str(subdomains), str(preload), str(environment.get("LENDBOOK_TLS") != "False")]


def test_an_unknown_instance_is_named(tmp_path):
    assert "must be one of dev, prod, testing" in manage(tmp_path, "check", instance="live").stderr


def test_each_instance_makes_its_own_folders_and_key_for_its_owner_alone(tmp_path):
    keys = set()
    for instance in ("dev", "testing"):
        shell(tmp_path, "pass", instance=instance)
        key = tmp_path / instance / "secret_key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
        keys.add(key.read_text())
    assert len(keys) == 2


def test_what_one_instance_signed_is_worth_nothing_in_another(tmp_path):
    signed = shell(tmp_path, "from django.core import signing; print(signing.dumps('a login'))").stdout.strip()
    read = f"from django.core import signing; print(signing.loads({signed!r}))"
    assert shell(tmp_path, read).stdout.strip() == "a login"
    foreign = shell(tmp_path, read, instance="testing")
    assert "BadSignature" in foreign.stderr


def test_a_task_queued_by_one_instance_is_refused_by_another(tmp_path):
    queued = shell(
        tmp_path, "from django_q.signing import SignedPackage as p; print(p.dumps({'func': 'os.system'}))"
    ).stdout.strip()
    foreign = shell(
        tmp_path, f"from django_q.signing import SignedPackage as p; p.loads({queued!r})", instance="testing"
    )
    assert "BadSignature" in foreign.stderr


def test_cookies_cache_and_queue_carry_the_instances_name(tmp_path):
    told = shell(
        tmp_path,
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME,"
        " s.CACHES['default']['KEY_PREFIX'], s.Q_CLUSTER['name'])",
    ).stdout.split()
    assert told[:2] == ["lendbook_dev_session", "lendbook_dev_csrf"]
    assert all(name.startswith("lendbook-dev-") for name in told[2:])


def test_sqlite_is_set_to_lose_nothing(tmp_path):
    code = (
        "from django.db import connection as c; q = c.cursor()\n"
        "print([q.execute('PRAGMA ' + p).fetchone()[0] for p in ('journal_mode', 'synchronous')],"
        " c.settings_dict['OPTIONS']['transaction_mode'], c.settings_dict['OPTIONS']['timeout'])"
    )
    assert shell(tmp_path, code).stdout.strip() == "['wal', 2] IMMEDIATE 20"


@pytest.mark.django_db
def test_a_login_of_one_instance_is_worth_nothing_in_another(client, settings):
    client.force_login(world.cast().asha)
    here = settings.SESSION_COOKIE_NAME
    assert client.get("/admin/", follow=True).status_code == 200
    browser = Client()
    browser.cookies[here.replace("testing", "dev")] = client.cookies[here].value
    assert browser.get("/admin/").url == "/admin/login/?next=/admin/"


def test_one_key_given_to_two_instances_signs_different_things(tmp_path):
    key = {"SECRET_KEY": "k" * 60}
    signed = shell(tmp_path, "from django.core import signing; print(signing.dumps('a login'))", **key).stdout.strip()
    read = f"from django.core import signing; print(signing.loads({signed!r}))"
    assert shell(tmp_path, read, **key).stdout.strip() == "a login"
    assert "BadSignature" in shell(tmp_path, read, instance="testing", **key).stderr


def test_two_folders_of_one_instance_share_neither_queue_nor_cache(tmp_path):
    code = "from django.conf import settings as s; print(s.CACHES['default']['KEY_PREFIX'], s.Q_CLUSTER['name'])"
    assert shell(tmp_path / "one", code).stdout != shell(tmp_path / "two", code).stdout


def test_a_folder_of_any_name_holds_an_instance_whose_files_are_its_owners_alone(tmp_path):
    folder = tmp_path / "my shop #1 100%"
    assert manage(folder, "migrate", "-v0").returncode == 0
    assert (folder / "dev" / "db.sqlite3").exists()
    for path in (folder / "dev").rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    assert "set LENDBOOK_DATA_DIR" in manage(tmp_path / "file", "check").stderr


def test_every_setting_of_the_environment_is_explained():
    code = "".join((ROOT / name).read_text() for name in ("lendbook/settings.py", "expenses/tagging/llm.py"))
    asked = set(re.findall(r'(?:env(?:\.\w+)?|environ\.get|getenv)\(\s*"([A-Z_]+)"', code))
    explained = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked - {"LENDBOOK_ENV_FILE"} == explained


@pytest.mark.parametrize(("verb", "database"), [("test", ""), ("test-postgres", "postgres://elsewhere/x")])
def test_each_verb_of_the_makefile_tests_on_its_own_database(verb, database):
    """Where the environment names a PostgreSQL, as .ci/run does, `make test` is still on SQLite."""
    echo = """TESTS=sh -c 'echo "on=$$TEST_DATABASE_URL"'"""
    asked = os.environ | {"TEST_DATABASE_URL": "postgres://elsewhere/x"}
    made = subprocess.run(
        ["make", "-C", ROOT, "-s", "-o", ".venv/tests", verb, echo],
        env=asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout.strip() == f"on={database}"
