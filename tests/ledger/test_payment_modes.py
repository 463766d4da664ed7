"""Payment modes as people write them: read as the one they mean, or refused; without a database."""

import itertools

import pytest

from ledger.payment_modes import NAMES, PAYMENT_MODES, find_mode, unknown_mode

AS_WRITTEN = {
    "Cash": ("cash", "CASH", "Hand cash", "cash-in-hand", "by cash", "Cash only", "Rokkam", "नकद", "ரொக்கம்"),
    "UPI": (
        *("GPay", "G Pay", "g-pay", "G.Pay", "Google Pay", "google pay UPI", "PhonePe", "Phone Pe", "PHONEPE", "Paytm"),
        *("Pay TM", "BHIM", "BHIM UPI", "Amazon Pay", "amazon-pay", "UPI/GPay", "UPI (PhonePe)", "U.P.I.", "QR code"),
        *("murugan.k@okaxis", "9840012345@ybl", "UPI: selvi@paytm", "paid via GPay", "G\u200bPay", "ＧＰａｙ"),
    ),
    "Bank Transfer": (
        *("bank transfer", "Bank-Transfer", "BANK", "NEFT", "N.E.F.T.", "rtgs", "IMPS", "NEFT/RTGS", "net banking"),
        *("Netbanking", "Net-Banking (IMPS)", "internet banking", "A/c transfer", "bank trf"),
    ),
    "Cheque": ("cheque", "Check", "Chq", "chq.", "DD", "D.D.", "Demand Draft", "Cheque/DD", "Banker's cheque"),
    "Card": ("card", "Debit Card", "credit-card", "Debit/Credit Card", "ATM card", "POS", "swipe", "RuPay card"),
    "Online": ("online", "On-line", "Online payment"),
    "Other": ("other", "OTHERS", "misc."),
}
NOBODY_KNOWS = (
    *("", "  ", "Barter", "Gold", "Cash/UPI", "Bank / Cash", "bank upi", "murugan@gmail.com", "@", "GPay?5", "500"),
    *("Cheque 001234", "=1+1", "paid", "by", "to", "#REF!", "2026-06-05", "cash " * 40, "Credit", "Kumar"),
)


@pytest.mark.parametrize(
    ("text", "mode"), [(text, mode) for mode, texts in AS_WRITTEN.items() for text in texts], ids=str
)
def test_a_mode_is_read_however_it_is_written(text, mode):
    assert find_mode(text) == mode


@pytest.mark.parametrize("text", NOBODY_KNOWS)
def test_what_nobody_knows_is_no_mode(text):
    assert find_mode(text) is None
    assert "Bank Transfer" in unknown_mode(text)


def test_case_dots_blanks_and_hyphens_never_matter():
    for mode in PAYMENT_MODES:
        for text, between in itertools.product((mode.name, *mode.aliases), (" ", "-", ".", "  ", "_", "")):
            for written in (text, text.upper(), text.lower(), text.title()):
                assert find_mode(f" {written.replace(' ', between)}. ") == mode.name, (written, between)


def test_no_alias_stands_for_two_modes():
    for mode in PAYMENT_MODES:
        for alias in mode.aliases:
            assert find_mode(alias) == mode.name


def test_a_name_is_kept_short_enough_for_its_column_and_for_a_drop_down():
    assert max(map(len, NAMES)) <= 20
    assert len(",".join(NAMES)) < 250
