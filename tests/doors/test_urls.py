"""Every address of the project × everybody × every method: who is let in, and that nobody reads another book's canary."""

import fnmatch
import os

import pytest

from lendbook import instance
from tests.doors import world
from tests.torture import IS_LONG

# Not inside a test's own transaction: each request would make SQLite read its schema anew when it is taken back.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.torture, pytest.mark.long]
METHODS = ("GET", "POST", "PUT", "DELETE")

# Who is let in by GET | by POST: address names (world.ACTORS explains the letters; - nobody, * all). The first line
# that fits counts. PUT and DELETE let nobody in. A page may let somebody in who then sees less: its own tests say so.
EXPECTED = """
cdasxuoz cdasxuoz:: front second_factor
asxuoz asxuoz:: second_factor_set_up admin:index admin:password_change admin/*/<path:object_id>/
asxuoz asxuoz:: admin:ledger_paymentmodeaccount_change admin:shop_book_changelist
asxuoz asxuoz:: admin:ledger_ledgerentry_changelist admin:ledger_accounttransfer_changelist
asxuoz asxuoz:: admin:trackers_customer_changelist admin:auth_group_history admin:django_q_success_history
asxuoz asxuoz:: admin:django_q_failure_history admin:app_list
asuoz asuoz:: home search settings admin:shop_book_history admin:trackers_customer_history
asxoz asxoz:: admin:ledger_ledgerentry_add admin:ledger_accounttransfer_add
sxuoz sxuoz:: admin:ledger_account_changelist admin:ledger_category_changelist
sxuoz sxuoz:: admin:ledger_paymentmodeaccount_changelist admin:shop_bookmember_changelist
asuoz soz:: admin:trackers_customer_change
suoz suoz:: expenses:dashboard expenses:tags expenses:rules expenses:bank expenses:credits
suoz suoz:: admin:ledger_account_history admin:ledger_category_history admin:ledger_paymentmodeaccount_history
suoz suoz:: admin:shop_bookmember_history admin:ledger_ledgerentry_history admin:ledger_accounttransfer_history
sxoz sxoz:: admin:trackers_customer_add
asuoz oz:: admin:shop_book_change
asxuoz -:: admin:password_change_done admin:jsi18n admin:ledger_ledgerentry_export admin:ledger_accounttransfer_export
suoz soz:: ledger:close_day#2 ledger:tally_names expenses:transaction admin:ledger_ledgerentry_change
suoz soz:: admin:ledger_accounttransfer_change
asuoz -:: ledger:day_book ledger:day_book#2 trackers:list trackers:tracker trackers:download trackers:download_version
soz soz:: trackers:approvals trackers:password_link trackers:open trackers:bring_over trackers:compare trackers:day
soz soz:: trackers:terms trackers:close trackers:renew expenses:new_tag expenses:tag expenses:new_rule expenses:rule
suoz oz:: admin:ledger_account_change admin:ledger_category_change admin:shop_bookmember_change
- asoz:: trackers:draft
asoz -:: trackers:collect trackers:collect_paper trackers:collect_file trackers:mine
suoz -:: ledger:days ledger:month ledger:year ledger:close_day ledger:closes ledger:reports ledger:account_book
suoz -:: ledger:journal expenses:transactions expenses:corrections
suoz -:: expenses:payees expenses:statements
sxoz -:: admin:ledger_ledgerentry_import
- soz:: ledger:withdraw_differences trackers:post_disbursement
- soz:: ledger:rebuild shop:check_again shop:confirm_import shop:undo_import shop:run_job shop:cancel_job
- soz:: trackers:reopen expenses:tag_many expenses:post expenses:unpost expenses:correct expenses:ask expenses:judge
- soz:: expenses:learn expenses:undo_statement admin:ledger_ledgerentry_bin admin:ledger_ledgerentry_restore
- soz:: admin:ledger_ledgerentry_reverse admin:ledger_accounttransfer_bin admin:ledger_accounttransfer_restore
- soz:: admin:ledger_accounttransfer_reverse
cd cd:: portal:account
ncd *:: admin:logout
oz oz:: trackers:settings trackers:template admin:ledger_account_add admin:ledger_category_add admin:shop_book_add
oz oz:: admin:shop_bookmember_add admin:shop_bookmember_delete admin:ledger_category_merge
- oz:: admin:ledger_category_natures_told
- -:: admin:ledger_category_undo_merge
soz -:: shop:imports shop:new_import shop:import_template shop:import shop:choose_columns
soz -:: shop:rejected_rows shop:job shop:job_progress
- cd:: portal:language
- oz:: ledger:reopen trackers:apply_skipping expenses:ask_at_imports
cd -:: portal:home
oz -:: record
* *:: login forgotten password_link healthz readyz set_password admin:login
* -:: manifest portal:worker
- *:: second_factor_codes
- -:: portal:log_out set_up ledger:sign shop:import_columns trackers:save trackers:saving trackers:undo
- -:: trackers:template_file trackers:brought_over trackers:comparison trackers:to_day expenses:undo expenses:work
- -:: expenses:move_rule admin:autocomplete admin:view_on_site admin:ledger_account_delete
- -:: admin:ledger_category_delete admin:ledger_paymentmodeaccount_add admin:ledger_paymentmodeaccount_delete
- -:: admin:shop_book_delete admin:ledger_ledgerentry_subcategories admin:ledger_ledgerentry_delete
- -:: admin:ledger_accounttransfer_delete admin:trackers_customer_delete admin:django_q_success_add
- -:: admin:django_q_failure_add admin/(*
c -:: portal:passbook portal:workbook portal:statement portal:day
z z:: open_book admin:auth_group_changelist admin:auth_group_add admin:auth_group_delete admin:auth_group_change
z z:: admin:auth_user_password_change admin:auth_user_changelist admin:auth_user_add admin:auth_user_history
z z:: admin:auth_user_delete admin:auth_user_change admin:django_q_success_changelist admin:django_q_success_delete
z z:: admin:django_q_success_change admin:django_q_failure_changelist admin:django_q_failure_delete
z z:: admin:django_q_failure_change
soz soz:: trackers:move
suoz -:: faults
- soz:: check_book
oz -:: backups
- oz:: back_up_now
- -:: checked lift_fault backup download_backup
c -:: portal:receipt portal:receipt_paper
c c:: portal:say
asuoz -:: trackers:receipts trackers:receipt trackers:receipt_paper
suoz -:: trackers:disputes expenses:rejected_rows
- -:: genuine trackers:dispute expenses:upload expenses:act_on_upload expenses:rejected_upload expenses:uploads
- -:: expenses:act_on_uploads
"""


def expectations():
    for line in EXPECTED.strip().splitlines():
        letters, _, names = line.partition(":: ")
        by_get, by_post = (set(world.ACTORS) if part == "*" else set(part.strip("-")) for part in letters.split())
        for name in names.split():
            yield name, by_get, by_post


@pytest.fixture
def cast(settings, tmp_path):
    settings.DATA_DIR = instance.make_folders(tmp_path, "testing")
    return world.build()


def let_in(cast, method, where, those):
    """(letters of those who are let in, [(letter, what went wrong)]) for one address."""
    letters, wrong = "", []
    for letter in those:
        response = world.knock(cast.browsers[letter], method, where)
        told = world.text_of(response)
        if response.status_code >= 500:
            wrong.append((letter, f"answers {response.status_code}"))
        if letter != "z" and world.CANARY["main" if letter in world.STRANGERS else "other"] in told:
            wrong.append((letter, "reads another book's canary"))
        if not world.is_refusal(response):
            letters += letter
    return letters, wrong


def word(letters):
    return "*" if len(letters) == len(world.ACTORS) else letters or "-"


def test_every_address_lets_in_whom_it_should_and_shows_nobody_another_books_rows(cast, tally):
    known, wrong, lines, used, times = list(expectations()), [], [], set(), 0
    for name, pattern in world.patterns():
        where = world.address(name, pattern, cast.rows["main"])
        found = {}
        for method in METHODS:
            letters = world.ACTORS if method in ("GET", "POST") or IS_LONG else "noz"
            times += len(letters)
            found[method], trouble = let_in(cast, method, where, letters)
            wrong += [f"{method} {where} ({name}): {letter} {what}" for letter, what in trouble]
        line = f"{word(found['GET'])} {word(found['POST'])}:: {name}"
        lines.append(line)
        fits = next((one for one in known if fnmatch.fnmatchcase(name, one[0])), None)
        if fits is None:
            wrong.append(f"{where} has no expectation. If this is right, add to EXPECTED: {line}")
            continue
        used.add(fits[0])
        if found["PUT"] or found["DELETE"]:
            wrong.append(f"PUT or DELETE of {where} ({name}) lets in {found['PUT']}{found['DELETE']}")
        if (set(found["GET"]), set(found["POST"])) != fits[1:]:
            expected = f"{word(''.join(sorted(fits[1])))} {word(''.join(sorted(fits[2])))}"
            wrong.append(f"{where} lets in {line}; expected {expected}. If the new one is right, put it into EXPECTED.")
    if os.environ.get("DOORS_SHOW"):
        print("\n".join(lines))
    assert not wrong, "\n".join(wrong)
    assert {one[0] for one in known} == used, "EXPECTED names addresses that are no more"
    tally("requests: address × person × method", times)


def test_strangers_find_nothing_of_a_book_by_changing_an_id(cast, tally):
    """The own book in the address, another's id in it; and the other way round."""
    wrong, times = [], 0
    for name, pattern in world.patterns():
        if "<slug:slug>" not in pattern or pattern.count("<") < 2:
            continue
        main, other = (world.address(name, pattern, cast.rows[which]) for which in ("main", "other"))
        mixed = main.replace("/main-street/", "/other-road/")
        for letter, where, canary in (("x", mixed, "main"), ("x", main, "main"), ("s", other, "other")):
            for method in ("GET", "POST"):
                times += 1
                response = world.knock(cast.browsers[letter], method, where)
                if world.CANARY[canary] in world.text_of(response) or response.status_code >= 500:
                    wrong.append(f"{letter} {method} {where}: {response.status_code}")
                if where == main and not world.is_refusal(response):
                    wrong.append(f"{letter} is let in: {method} {where}")
    assert not wrong, "\n".join(wrong)
    tally("requests with another book's id", times)


def test_every_unsafe_request_without_the_forms_token_is_refused(cast, tally):
    """As another site's form would send it, with the person's cookie."""
    browser, times = world.browser(cast, "asha", enforce_csrf_checks=True), 0
    boss = world.browser(cast, "boss", enforce_csrf_checks=True)
    for name, pattern in world.patterns():
        where = world.address(name, pattern, cast.rows["main"])
        for client in (browser, boss):
            times += 1
            assert world.knock(client, "POST", where).status_code in (403, 404, 405), f"{where} ({name}) takes it"
    tally("requests without a form's token", times)
