"""Choosing a password, in the reader's words: Django's own are not translated into every language of ours."""

from django.contrib.auth import password_validation
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_FAULTS = {
    "password_too_short": _("Too short: take at least 10 letters or digits."),
    "password_too_common": _("Too many people use this one; take another."),
    "password_entirely_numeric": _("Digits alone are not enough; add letters."),
    "password_too_similar": _("Too much like your name; take another."),
}


class InOurWords:
    """Mixed into Django's password forms."""

    error_messages = {
        "password_mismatch": _("The two are not the same; type the same one twice."),
        "password_incorrect": _("This is not your password now. Mind capital letters."),
    }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        labels = {
            "old_password": _("Your password now"),
            "new_password1": _("New password"),
            "new_password2": _("The new password again"),
        }
        for name, field in self.fields.items():
            field.label, field.help_text = labels[name], ""
            field.error_messages["required"] = _("Fill this in.")
        self.fields["new_password1"].help_text = _("At least 10 letters or digits, not digits alone, no common word.")

    def validate_password_for_user(self, user, password_field_name="new_password2"):
        password = self.cleaned_data.get(password_field_name)
        if password:
            try:
                password_validation.validate_password(password, user)
            except ValidationError as refused:
                self.add_error("new_password1", [_FAULTS.get(one.code, one) for one in refused.error_list])


class NewPassword(InOurWords, SetPasswordForm):
    """A first password, or one in place of a forgotten one."""


class AnotherPassword(InOurWords, PasswordChangeForm):
    """Another password in place of the one he has."""

    error_messages = {**PasswordChangeForm.error_messages, **InOurWords.error_messages}
