"""What every saved row has in common: texts of one clean line, and a history that says who saved it and why."""

import unicodedata

from shop import commits


def clean_text(text):
    """One line of people's text: NFC, no control characters, outer space gone."""
    if isinstance(text, str) and text.isascii() and text.isprintable():
        return text.strip()
    text = unicodedata.normalize("NFC", str(text))
    return "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text).strip()


def save(row, user, reason="", *, fields=None):
    """Save a row, or only its `fields`, with its history: who, and why (100 letters)."""
    row._history_user = user
    row._change_reason = reason[:100] or None
    row.save(update_fields=fields)
    commits.note()
    return row
