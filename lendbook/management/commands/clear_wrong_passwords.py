"""clear_wrong_passwords LOGIN: lets somebody in who has to wait after too many wrong passwords or codes."""

from django.contrib.auth import get_user_model

from lendbook import audit, login, second_factor
from shop.management.base import LendbookCommand, Refused, WrongUse


class Command(LendbookCommand):
    help = (
        "Forget the wrong passwords and codes of a login, or what was tried from an address: who has to wait may try again "
        "at once. The record says so."
    )

    def add_options(self, parser):
        parser.add_argument("login", metavar="LOGIN", nargs="?", default="")
        parser.add_argument("--address", default="", help="an address whose callers have to wait, e.g. 203.0.113.7")

    def act(self, **options):
        if not (options["login"] or options["address"]):
            raise WrongUse("Name the login that has to wait, or an address with --address.")
        cleared = 0
        if options["login"]:
            user = get_user_model().objects.filter(username__iexact=options["login"]).first()
            if user is None:
                raise Refused(f"There is no login '{options['login']}'.")
            cleared += login.clear(user.get_username())
            second_factor.clear(user)
            audit.note(user, "command:clear_wrong_passwords")
        if options["address"]:
            cleared += login.clear_address(options["address"])
            audit.note(None, "command:clear_wrong_passwords")
        whom = " and ".join(filter(None, (options["login"], options["address"])))
        self.answer(
            {"login": options["login"] or None, "address": options["address"] or None, "cleared": cleared},
            f"{whom}: {cleared} {'count' if cleared == 1 else 'counts'} of wrong passwords forgotten; try again now.",
        )
