"""Sessions in the database; while that cannot write, in the browser's cookie, signed, for a quarter of an hour.

So whoever makes room on a full disk can log in to do it. A session in a cookie cannot be ended from here before its
quarter of an hour is over; it moves into the database with the first save that goes through.
"""

import logging

from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.core import signing

from shop.disk import CANNOT_WRITE

logger = logging.getLogger(__name__)

IN_COOKIE, LIVES_SECONDS = "~", 15 * 60
_SALT, _MOST_LETTERS = "lendbook.sessions", 3500  # browsers drop cookies above 4 KB


class SessionStore(DatabaseStore):
    """Django's store, whose key holds the session itself where the database could not take it."""

    @property
    def _is_in_cookie(self):
        return (self.session_key or "").startswith(IN_COOKIE)

    def load(self):
        """The session's values; {} for one that is over, or that nobody here signed."""
        if not self._is_in_cookie:
            return super().load()
        try:
            return signing.loads(self.session_key[1:], salt=_SALT, max_age=LIVES_SECONDS)
        except signing.BadSignature:
            self._session_key = None
            return {}

    def save(self, must_create=False):
        """Save in the database, else in the key. Raises what Django's raises where neither can hold it."""
        if self._is_in_cookie:
            self._get_session()  # read before its key is another one
            self._session_key, must_create = self._get_new_session_key(), True
        try:
            super().save(must_create)
        except CANNOT_WRITE as error:
            self._keep_in_cookie(error, no_load=must_create)
        except UpdateError as error:  # Django takes every fault for a session that is gone
            if not isinstance(error.__context__, CANNOT_WRITE):
                raise
            self._keep_in_cookie(error.__context__, no_load=must_create)

    def _keep_in_cookie(self, error, no_load):
        key = IN_COOKIE + signing.dumps(self._get_session(no_load), salt=_SALT, compress=True)
        if len(key) > _MOST_LETTERS:
            raise error
        logger.warning("A session is kept in its browser, since the database cannot write now (%s).", error)
        self._session_key = key

    def delete(self, session_key=None):
        """End a session; where the database cannot write, the browser's cookie goes all the same."""
        try:
            super().delete(session_key)
        except CANNOT_WRITE as error:
            logger.warning("A session could not be deleted, since the database cannot write now (%s).", error)
