"""What every test shares."""

import pytest


@pytest.fixture(autouse=True)
def fast_passwords(settings):
    """A test that logs in pays microseconds; the strong hash is Django's to test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
