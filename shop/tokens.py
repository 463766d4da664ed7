"""Tokens in links by which a person sets his password: good once, for two days, and not from the future."""

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.http import base36_to_int

from shop import clock


class LinkTokens(PasswordResetTokenGenerator):
    """Django's tokens, but for one: a link made under a clock that was ahead would live until that day and two more."""

    # The links that are out there stay good: the salt is the one of Django's own class.
    key_salt = "django.contrib.auth.tokens.PasswordResetTokenGenerator"

    def check_token(self, user, token) -> bool:
        """Whether the token is the user's, not used, not too old and not from the future."""
        return super().check_token(user, token) and not self._is_from_the_future(token)

    def _is_from_the_future(self, token):
        made = base36_to_int(token.partition("-")[0])  # seconds since 2001, as Django counts them
        return made - self._num_seconds(self._now()) > clock.TOLERANCE.total_seconds()


staff_tokens = LinkTokens()
