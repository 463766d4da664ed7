"""The texts of the customer's side: found in templates and code, kept in trackers/locale, compiled without gettext.

    python -m tests.translations        (make messages)

brings the .po files up to date with the source and compiles them; new texts stand there untranslated, and
tests/trackers/portal/test_translations.py fails until somebody translates them.
"""

import ast
import io
import re
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

HOUSE = Path(__file__).resolve().parent.parent
LOCALES = HOUSE / "trackers/locale"
LANGUAGES = ("ta", "hi")
# Every text in these is for customers.
TEMPLATES = "templates/portal/**/*.html"
_SHARED = ("trackers/models.py", "trackers/disputes.py", "trackers/sharing.py")
MODULES = ("trackers/portal/**/*.py", "ledger/payment_modes.py", "lendbook/front.py", *_SHARED)
# Of these modules some texts are for the staff.
FOR_STAFF_TOO = {"trackers/portal/links.py", "ledger/payment_modes.py", *_SHARED}
_CALLS = {
    name: forms
    for names, forms in (
        (("_", "gettext", "gettext_lazy", "gettext_noop"), None),
        (("ngettext", "ngettext_lazy"), (1, 2)),
        (("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
        (("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
    )
    for name in names
}
_TAG = re.compile(r"\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_BLOCK = re.compile(r"\{%\s*blocktranslate.*?\{%\s*endblocktranslate\s*%\}", re.DOTALL)
_SPOKEN = re.compile(r'\b(?:aria-label|alt|title|placeholder|content)="([^"]*)"')
_SILENT = {"Lendbook", "noindex, nofollow, noarchive", "width=device-width, initial-scale=1"}
_NO_WORDS = ("text/javascript; charset=",)


def templates():
    return sorted(HOUSE.glob(TEMPLATES))


def modules():
    return sorted(path for pattern in MODULES for path in HOUSE.glob(pattern))


def new_catalog(language):
    """An empty Catalog whose header says nothing that differs from one day to the next."""
    made_at = datetime(2026, 1, 1, tzinfo=UTC)
    who = dict.fromkeys(("project", "copyright_holder", "last_translator", "language_team"), "Lendbook")
    about = "# What the customer's side says; `make messages` brings it up to date with the source."
    return Catalog(
        locale=language, charset="utf-8", version="1", creation_date=made_at, revision_date=made_at, fuzzy=False,
        header_comment=about, msgid_bugs_address="Lendbook", **who,
    )  # fmt: skip


def template():
    """Every text that goes through Django's translations, as a Catalog without translations."""
    catalog = new_catalog(None)
    for path in [*templates(), *modules()]:
        text = path.read_text()
        source = templatize(text, origin=path.name) if path.suffix == ".html" else text
        for _line, message, _comments, context in extract("python", io.BytesIO(source.encode()), _CALLS):
            catalog.add(message, context=context, locations=[(str(path.relative_to(HOUSE)), None)])
    return catalog


def po_path(language):
    return LOCALES / language / "LC_MESSAGES/django.po"


def translated(language):
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog):
    """The .mo file of a Catalog, as bytes."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def untranslated_text(path):
    """The words of a template that stand outside of translations."""
    text = _BLOCK.sub("", path.read_text())
    text = _TAG.sub("", text)
    spoken = [words for words in _SPOKEN.findall(text) if words not in _SILENT]
    text = re.sub(r"<(style|script)\b.*?</\1>|[\w-]+=\"[^\"]*\"", "", text, flags=re.DOTALL)
    plain = re.sub(r"<[^>]*>", "\n", re.sub(r"&\w+;", "", text))
    return [
        words.strip()
        for words in [*spoken, *plain.split("\n")]
        if re.search(r"[^\W\d_]{2}", words.replace("Lendbook", ""))
    ]


def untranslated_strings(path):
    """The sentences of a module that stand outside of translations: words with a space between them, no docstring."""
    if str(path.relative_to(HOUSE)) in FOR_STAFF_TOO:
        return []
    tree = ast.parse(path.read_text())
    fine = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            fine.add(id(node.value))
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in _CALLS:
                fine |= {id(part) for part in ast.walk(node)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in fine
        and not node.value.startswith(_NO_WORDS)
        and re.search(r"[A-Za-z]{2,}[,;:]? [A-Za-z]{2,}", node.value)
    ]


def main():
    found = template()
    for language in LANGUAGES:
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = translated(language) if path.exists() else new_catalog(language)
        catalog.update(found, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalog, width=120, sort_output=True, no_location=True)
        path.with_suffix(".mo").write_bytes(compiled(catalog))
        missing = [message.id for message in catalog if message.id and not message.string]
        print(f"{language}: {len(catalog)} texts, {len(missing)} untranslated")


if __name__ == "__main__":
    main()
