"""What staff does for a customer's login: the link by which he sets his password."""

from django.core.exceptions import ValidationError
from django.views.decorators.http import require_http_methods

from shop import access
from shop.pages import book_page, page
from trackers.models import Customer
from trackers.portal import links


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def password_link(request, book, pk):
    """Make a link and show it once, for copying and sending; a GET makes none."""
    customer = access.get_visible(Customer.objects.select_related("book", "user"), request.user, book, pk=pk)
    link, refused = "", links.refusal(customer, request.user)
    if request.method == "POST" and not refused:
        try:
            link = links.make(customer, by=request.user)
        except ValidationError as error:
            refused = " ".join(error.messages)
    context = {
        "title": "",
        "customer": customer,
        "is_asked": links.asking(request.user, book).filter(pk=customer.pk).exists(),
        "refused": refused,
        "link": link,
        "ways": links.ways_to_send(customer, link) if link else [],
    }
    return page(
        request, "trackers/password_link.html", context, status=422 if refused and request.method == "POST" else 200
    )
