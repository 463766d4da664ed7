"""No text of the customer's side stands outside of translations, and every one is translated into every language."""

import io
import re

import pytest
from babel.messages.mofile import read_mo
from django.utils import translation

from tests import translations
from tests.translations import HOUSE, LANGUAGES

NAMED = re.compile(r"%\(\w+\)s|<[^>]+>")


def by_id(catalog):
    """{(context, text): message}; a compiled catalog has its contexts as bytes."""
    named = ((getattr(message.context, "decode", lambda: None)() or message.context, message) for message in catalog)
    return {(context, message.id): message for context, message in named if message.id}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_nothing_is_uncertain(language):
    there, wanted = by_id(translations.translated(language)), by_id(translations.template())
    assert set(wanted) - set(there) == set(), "make messages"
    assert set(there) - set(wanted) == set(), "make messages"
    assert [key for key, message in there.items() if not message.string or message.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_the_figures_and_marks_of_its_text(language):
    for message in by_id(translations.translated(language)).values():
        assert sorted(NAMED.findall(message.id)) == sorted(NAMED.findall(message.string)), message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language):
    written = {key: message.string for key, message in by_id(translations.translated(language)).items()}
    with translations.po_path(language).with_suffix(".mo").open("rb") as file:
        kept = {key: message.string for key, message in by_id(read_mo(file)).items()}
    assert kept == written, "make messages"
    assert by_id(read_mo(io.BytesIO(translations.compiled(translations.translated(language))))).keys() == kept.keys()


@pytest.mark.parametrize("path", translations.templates(), ids=lambda path: path.name)
def test_a_template_has_no_text_outside_of_translations(path):
    assert translations.untranslated_text(path) == []


@pytest.mark.parametrize("path", translations.modules(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_view_has_no_text_outside_of_translations(path):
    assert translations.untranslated_strings(path) == []


@pytest.mark.parametrize(
    "text", ["<p>Your loan</p>", '<img alt="A picture">', "{% if a %}Paid{% endif %}", '<i title="Now">{{ a }}</i>']
)
def test_the_search_finds_what_is_not_translated(text, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(text)
    assert translations.untranslated_text(path) != []


def test_django_finds_the_translations():
    with translation.override("ta"):
        assert translation.gettext("Still to pay") == "மீதி கட்ட வேண்டியது"
    with translation.override("hi"):
        assert translation.gettext("Still to pay") == "अभी देना बाकी"
    with translation.override("en-in"):
        assert translation.gettext("Still to pay") == "Still to pay"
