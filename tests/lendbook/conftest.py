"""The shop that verify's tests spoil, built once for the tests of a file; an instance's folder for those of backups."""

import copy
import shutil

import pytest
from django.db import transaction
from django.test import override_settings

from lendbook import instance
from tests.lendbook.planted import shop
from tests.restoring import begun_books


@pytest.fixture(scope="module")
def built(django_db_setup, django_db_blocker, tmp_path_factory):
    """The shop, built once for all tests here: (who and what, its folder). Each test spoils a copy."""
    folder = instance.make_folders(tmp_path_factory.mktemp("shop"), "testing")
    block = transaction.atomic()
    block._from_testcase = True  # the tests' own transactions lie within
    with django_db_blocker.unblock(), override_settings(DATA_DIR=folder), block:
        yield shop(), folder
        transaction.set_rollback(True)


@pytest.fixture
def books(built, db, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "testing"
    shutil.copytree(built[1], settings.DATA_DIR)
    return copy.deepcopy(built[0])


@pytest.fixture
def home(settings, tmp_path_factory):
    """An instance's folder of this test's own, with a key; not below tmp_path."""
    settings.DATA_DIR = instance.make_folders(tmp_path_factory.mktemp("home"), "testing")
    instance.secret_key(settings.DATA_DIR)
    return settings.DATA_DIR


@pytest.fixture
def tracker():
    return begun_books()
