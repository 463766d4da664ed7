"""Who may see and do what: the one rule that every admin, view, task and command goes through.

A person sees the books he is a member of. An agent sees in them only what is his: his own cash accounts and what he
typed. A superuser who is asked to help sees every book as an owner does. Rows of other books do not exist for him: a
foreign id answers 404.
"""

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404

from shop.models import Book, BookMember, Fault, Job, Role

READ, POST, CLOSE, MANAGE = "read", "post", "close", "manage"
_MAY = {
    Role.OWNER: {READ, POST, CLOSE, MANAGE},
    Role.STAFF: {READ, POST, CLOSE},
    Role.AGENT: {POST},
    Role.AUDITOR: {READ},
}
_NOTHING = Q(pk__in=[])

# model -> (path to its book, what of it is an agent's own: user -> Q)
_RULES = {}


def register(model, book="book", agents_own=None):
    """Scope `model` by the lookup path `book`; `agents_own(user)` is the Q of an agent's rows, nothing by default."""
    _RULES[model] = (book, agents_own or (lambda user: _NOTHING))


def _everything(user):
    return Q()


register(Book, book="pk", agents_own=_everything)
register(BookMember, agents_own=lambda user: Q(user=user))
register(Job, agents_own=lambda user: Q(created_by=user))
register(Fault)


def roles(user):
    """{book id: role} of a user, read once per user object; a superuser's is None for "every book, as owner"."""
    if not user.is_authenticated or not user.is_active:
        return {}
    if user.is_superuser:
        return None
    if not hasattr(user, "_book_roles"):
        members = list(user.book_members.select_related("book").order_by("book__name"))
        user._books = [member.book for member in members]
        user._book_roles = {member.book_id: member.role for member in members}
    return user._book_roles


def works_in_the_office(user):
    """Whether the login belongs to somebody who works in a book, not to a customer."""
    return user.is_authenticated and user.is_active and (user.is_superuser or bool(roles(user)))


def role_in(user, book):
    """The user's Role in a book (a Book or its id), or None."""
    mine = roles(user)
    return Role.OWNER if mine is None else mine.get(getattr(book, "pk", book))


def may(user, book, action):
    """Whether the user may READ everything, POST, CLOSE or MANAGE in the book."""
    return action in _MAY.get(role_in(user, book), ())


def visible(rows, user, book=None):
    """The part of a queryset (or model) that the user may see; within one book where it is given."""
    queryset = rows._default_manager.all() if isinstance(rows, type) else rows
    path, agents_own = _RULES[queryset.model]
    if book is not None:
        queryset = queryset.filter(**{path: book.pk if path == "pk" else book})
    mine = roles(user)
    if mine is None:
        return queryset
    in_books = "pk__in" if path == "pk" else f"{path}__in"
    as_agent = [pk for pk, role in mine.items() if role == Role.AGENT]
    in_full = [pk for pk, role in mine.items() if role != Role.AGENT]
    rule = Q(**{in_books: in_full})
    if as_agent:
        rule |= Q(**{in_books: as_agent}) & agents_own(user)
    return queryset.filter(rule)


def path_of(model):
    """The lookup path from a model to its book, as it is registered; None where it lies in none."""
    return _RULES[model][0] if model in _RULES else None


def book_of(row):
    """The book a row lies in, along the path its model is registered with."""
    path = _RULES[type(row)][0]
    for name in () if path == "pk" else path.split("__"):
        row = getattr(row, name)
    return row


def books_for(user):
    """The books the user works in, by name; read once per user object, together with his roles."""
    mine = roles(user)
    if mine is None:
        return list(Book.objects.all())
    return user._books if mine else []


def book_named(user, slug):
    """The user's Book of that slug, or Http404: a foreign one does not exist."""
    for book in books_for(user):
        if book.slug == slug:
            return book
    raise Http404("There is no such page here.")


def get_visible(rows, user, book=None, **lookup):
    """The one visible row of `lookup`, or Http404: what is foreign does not exist."""
    if any("\x00" in str(value) for value in lookup.values()):  # PostgreSQL cannot be asked with a NUL
        raise Http404("There is no such page here.")
    try:
        return visible(rows, user, book).get(**lookup)
    except (visible(rows, user).model.DoesNotExist, ValidationError, ValueError, OverflowError, TypeError):
        raise Http404("There is no such page here.") from None


class BookMiddleware:
    """Gives each request `request.book`: the book in hand, chosen by the switcher and kept in the session.

    The choice only decides what a list shows first; every form carries its own book, so that a second tab in another
    book can never post into the wrong one.
    """

    SESSION_KEY = "book"

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.__class__.book = property(_book_of)
        return self.get_response(request)


def _book_of(request):
    if not hasattr(request, "_book"):
        books = books_for(request.user)
        chosen = request.session.get(BookMiddleware.SESSION_KEY)
        request._book = next((book for book in books if book.pk == chosen), books[0] if books else None)
    return request._book


def choose_book(request, book):
    """Take `book` in hand for this session, which is written only where another one was."""
    if request.session.get(BookMiddleware.SESSION_KEY) != book.pk:
        request.session[BookMiddleware.SESSION_KEY] = book.pk
    request._book = book
