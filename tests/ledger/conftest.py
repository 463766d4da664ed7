"""The cast of the tests of pages."""

import pytest

from tests import world


@pytest.fixture
def people():
    return world.cast()


@pytest.fixture
def ravi(people, client):
    """The client, logged in as staff of Main Street."""
    client.force_login(people.ravi)
    return client
