"""Where a customer sets his password by the link that staff sent him; then he is logged in."""

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordResetConfirmView
from django.db import transaction
from django.urls import reverse_lazy
from django.utils import translation
from django.utils.translation import gettext as _

from trackers.portal import links, logins
from trackers.portal.access import is_customer
from trackers.portal.forms import NewPassword


class PasswordLink(PasswordResetConfirmView):
    """The link's token moves into the session and out of the address, so that no referrer tells it."""

    template_name = "portal/set_password.html"
    form_class = NewPassword
    token_generator = links.tokens
    success_url = reverse_lazy("portal:home")
    post_reset_login = True
    post_reset_login_backend = "django.contrib.auth.backends.ModelBackend"

    def get_user(self, uidb64):
        user = super().get_user(uidb64)
        if user is None or not is_customer(user):
            return None
        translation.activate(logins.language_of(user))
        return user

    def form_valid(self, form):
        """Of two who hold the link and press at once, one sets the password."""
        with transaction.atomic():
            user = get_user_model().objects.select_for_update().get(pk=self.user.pk)
            if not links.tokens.check_token(user, self.request.session.get(INTERNAL_RESET_SESSION_TOKEN)):
                return self.render_to_response({"validlink": False}, status=409)
            response = super().form_valid(form)
        name = self.user.get_username()
        messages.success(self.request, _("The password is set. Next time log in as %(name)s.") % {"name": name})
        logins.keep_language(response, logins.language_of(self.user))
        return response
