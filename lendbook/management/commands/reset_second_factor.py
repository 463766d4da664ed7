"""reset_second_factor LOGIN: takes a person's second factor away, for who lost phone and recovery codes."""

from django.contrib.auth import get_user_model

from lendbook import audit, second_factor
from shop.management.base import LendbookCommand, Refused


class Command(LendbookCommand):
    help = (
        "Take a person's second factor away. He logs in with his password and, as an owner of prod, sets up a new one."
    )

    def add_options(self, parser):
        parser.add_argument("login", metavar="LOGIN")

    def act(self, **options):
        user = get_user_model().objects.filter(username=options["login"]).first()
        if user is None:
            raise Refused(f"There is no login '{options['login']}'.")
        if not second_factor.reset(user):
            raise Refused(f"'{user.get_username()}' has no second factor.")
        audit.note(user, "command:reset_second_factor")
        self.answer(
            {"login": user.get_username(), "reset": True},
            f"The second factor of '{user.get_username()}' is taken away; the record says so.",
        )
