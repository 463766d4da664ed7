"""Who gets in: whoever works in a book; Django's staff flag says nothing here."""

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from ledger import access


class LoginForm(AuthenticationForm):
    def confirm_login_allowed(self, user):
        super().confirm_login_allowed(user)
        if not access.works_in_the_office(user):
            raise ValidationError("This login works in no book. Ask the owner of your book to add you.", code="no_book")
