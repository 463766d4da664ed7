"""Template tags of the frame: icons from the one sprite."""

from django import template
from django.utils.html import format_html

register = template.Library()


@register.simple_tag
def icon(name):
    """An icon of templates/lendbook/icons.html; always beside a word, so screen readers skip it."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#icon-{}"></use></svg>', name)
