"""What every staff page shares: the book in its address, the right to open it, and the admin's frame around it."""

import functools

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control

from shop import access


def book_page(*actions):
    """Decorate view(request, book, …) for the address books/<slug>/…: log-in first, a foreign book answers 404.

    Whoever works in the book but may do none of `actions` there (READ where none is named) is told so (403). The book
    becomes the one in hand.
    """
    actions = actions or (access.READ,)

    def decorate(view):
        @functools.wraps(view)
        def page(request, slug, *args, **kwargs):
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path(), reverse("admin:login"))
            book = access.book_named(request.user, slug)
            if not any(access.may(request.user, book, action) for action in actions):
                raise PermissionDenied("Your role in this book does not allow that; ask its owner.")
            access.choose_book(request, book)
            response = view(request, book, *args, **kwargs)
            patch_cache_control(response, private=True, no_store=True)
            return response

        return page

    return decorate


def page(request, template, context, status=200):
    """Render `template` (it extends admin/base_site.html) inside the admin's frame."""
    return render(
        request, template, {**admin.site.each_context(request), "book": request.book, **context}, status=status
    )
