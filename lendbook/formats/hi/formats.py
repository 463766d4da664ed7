"""The same figures and dates in every language of the portal."""

from lendbook.formats.en_IN.formats import *  # noqa: F403
