"""Pages that leave as paper: PDF where weasyprint and its libraries are there, else a page for the browser to print."""

import logging
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.shortcuts import render
from django.template.loader import render_to_string

from shop.downloads import attachment

# What our stylesheet says to browsers only is no news in the log.
logging.getLogger("weasyprint").setLevel(logging.ERROR)


def answer(request, template, context, name=None, *, stylesheet="lendbook.css"):
    """The template as a PDF called `name`, or as a page to print where `name` is None or no PDF can be made."""
    if name is None:
        return render(request, template, context)
    made = make_pdf(render_to_string(template, context, request), stylesheet)
    if made is None:
        return render(request, template, {**context, "no_pdf": True})
    return attachment(made, "application/pdf", f"{name}.pdf")


def make_pdf(html, stylesheet):
    """The HTML as PDF bytes, None where weasyprint (or Pango beneath it) is missing. Fetches nothing from anywhere."""
    try:
        import weasyprint  # 0.4 s and 40 MB that only a PDF pays
    except (ImportError, OSError):
        return None
    return weasyprint.HTML(string=html, url_fetcher=_fetch_nothing).write_pdf(stylesheets=[_stylesheet(stylesheet)])


@cache
def _stylesheet(name):
    import weasyprint

    path = finders.find(name) or Path(__file__).parent.parent / "static" / name
    return weasyprint.CSS(filename=str(path))


def _fetch_nothing(address, *args, **kwargs):
    raise ValueError(f"{address} is not fetched: papers are whole in themselves.")
