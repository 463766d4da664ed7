"""Links by which a customer sets his password: made by staff of his book, good once and for two days; nobody's e-mail.

Whoever holds the link becomes the customer, and so sees all of his passbooks. So only who works in every book that the
login is a customer of may make one; where lenders share an installation and a customer, its superuser does.
"""

from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from ledger import services as ledger
from shop import access
from shop.tokens import LinkTokens
from trackers.models import Customer, CustomerLogin
from trackers.portal.logins import dialled


class CustomerTokens(LinkTokens):
    """Tokens which end with the password they replace and with PASSWORD_RESET_TIMEOUT; no staff link's."""

    key_salt = "trackers.portal.links"


tokens = CustomerTokens()


def refusal(customer, by):
    """Why `by` may not make a link for this customer, in words for him; "" where he may."""
    user = customer.user
    if not settings.PUBLIC_URL:
        return "Links need the address at which customers reach Lendbook: set LENDBOOK_PUBLIC_URL (docs/customers.md)."
    if not customer.is_active:
        return "He does no more business with the book; activate him first."
    if not user.is_active or access.works_in_the_office(user):
        return "His login works in the office, which opens no passbook; give the customer a login of his own."
    books = user.customers.values_list("book", flat=True)
    if not all(access.may(by, book, access.CLOSE) for book in books):
        return (
            "His login is a customer of another book too, so no single book hands out its password. Ask whoever looks "
            "after this Lendbook."
        )
    return ""


@transaction.atomic
def make(customer, *, by):
    """A new link for the customer's login; his request, if he asked for one, is answered. Raises ValidationError."""
    if refused := refusal(customer, by):
        raise ValidationError(refused)
    CustomerLogin.objects.filter(user=customer.user).update(password_asked_at=None)
    ledger.save(customer, by, "Password link made")
    who = urlsafe_base64_encode(force_bytes(customer.user_id))
    return settings.PUBLIC_URL + reverse("password_link", args=[who, tokens.make_token(customer.user)])


def ways_to_send(customer, link):
    """[(word, address)] that open WhatsApp or SMS with the message in the customer's language."""
    with translation.override(customer.language):
        text = _(
            "%(name)s, here you set the password of your passbook at %(book)s. The link works once, for two days:"
        ) % {
            "name": customer.name,
            "book": customer.book,
        }
    text, number = quote(f"{text} {link}"), dialled(customer.phone)
    return [("WhatsApp", f"https://wa.me/{number}?text={text}"), ("SMS", f"sms:{number and '+' + number}?body={text}")]


def ask(user):
    """Note that a customer has forgotten his password; the staff of his books finds it on its home page. Twice is once."""
    CustomerLogin.objects.get_or_create(user=user)
    CustomerLogin.objects.filter(user=user, password_asked_at=None).update(password_asked_at=timezone.now())


def asking(user, book=None):
    """The book's Customers who have asked for a new password, as far as `user` may see them."""
    waiting = CustomerLogin.objects.exclude(password_asked_at=None).values("user")
    return access.visible(Customer, user, book).filter(is_active=True, user__in=waiting)
