"""The offer to ask the LLM about payees not placed; without a key it is nothing at all."""

from django import template

from expenses import work
from shop import access

register = template.Library()


@register.inclusion_tag("expenses/llm_offer.html", takes_context=True)
def llm_offer(context):
    """For any page of a book that shows what is to be told."""
    request, book = context["request"], context["book"]
    if work.server() is None or not access.may(request.user, book, access.CLOSE):
        return {"shown": False}
    return {
        "shown": True,
        "book": book,
        "count": len(work.open_payees(book)),
        "to_confirm": work.answers_of(book).count(),
        "csrf_token": context.get("csrf_token"),
    }
