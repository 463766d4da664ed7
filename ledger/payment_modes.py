"""How money is paid: the one table of payment modes that models, workbooks, pages, imports and commands go by.

Pure: no Django. A mode has one name, which the books and workbooks keep; what people write for it in shops, chats and
spreadsheets ("GPay", "neft", "chq.") is read as that name. Case, dots, blanks, hyphens and signs do not matter. What
nobody knows is no mode: the row that says it is refused, for money must never go into an account by a guess.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache


def _(text: str) -> str:
    """Marks a text that customers read in their language; it is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class PaymentMode:
    """One mode. `name` is what is kept, in rows and in workbooks; `key` is its name in code.

    `pays_into`: the kinds of account it pays into when a book is opened, the first that the book has; none: nothing is
    assumed. `aliases`: what else people call it.
    """

    key: str
    name: str
    pays_into: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


PAYMENT_MODES = (
    PaymentMode(
        "CASH",
        _("Cash"),
        ("cash",),
        (
            "Hand cash", "Cash in hand", "Cash on hand", "Ready cash", "Hard cash", "Liquid cash", "In hand",
            "By hand", "Cash paid", "Cash received", "Petty cash", "Kaash", "Nakad", "Nagad", "Nakit", "Rokkam",
            "Rokkom", "Rokad", "Rokda", "ரொக்கம்", "ரொக்கப் பணம்", "பணம்", "கேஷ்", "नकद", "नगद", "रोकड़", "कैश",
        ),
    ),
    PaymentMode(
        "UPI",
        _("UPI"),
        ("upi", "bank"),
        (
            "GPay", "Google Pay", "G Pay", "Tez", "PhonePe", "Phone Pay", "Phone Pe", "PhPe", "PPay", "Paytm",
            "Pay TM", "BHIM", "Bheem", "Amazon Pay", "Amazonpay", "Amz Pay", "WhatsApp Pay", "WhatsApp", "WA Pay",
            "CRED", "Super Money", "Navi", "UPI ID", "UPI transfer", "UPI payment", "VPA", "QR", "QR code", "QR scan",
            "Scan and pay", "Scanner", "Bharat QR", "BharatPe", "G-Pe", "Gpe", "यूपीआई", "गूगल पे", "फोनपे", "फ़ोनपे",
            "पेटीएम", "भीम", "யுபிஐ", "யூபிஐ", "ஜிபே", "கூகுள் பே", "போன்பே", "பேடிஎம்",
        ),
    ),
    PaymentMode(
        "BANK_TRANSFER",
        _("Bank Transfer"),
        ("bank",),
        (
            "NEFT", "RTGS", "IMPS", "Bank", "Net banking", "Netbanking", "Internet banking", "Online banking",
            "E-banking", "Mobile banking", "Phone banking", "M-banking", "Bank trf", "Bank tfr", "Bank trans",
            "Bank tr", "Bank tran", "Transfer", "Trf", "Tfr", "TRFR", "Wire", "Wire transfer", "Fund transfer",
            "Funds transfer", "Money transfer", "Account transfer", "Acc transfer", "A/c transfer", "A/c trf",
            "Direct transfer", "Direct deposit", "Bank deposit", "NACH", "ECS", "Standing instruction",
            "Bank payment", "To bank", "Bank account", "Bank a/c", "एनईएफटी", "आईएमपीएस", "बैंक", "बैंक ट्रांसफर",
            "बैंक ट्रांसफ़र", "வங்கி", "வங்கிப் பரிமாற்றம்", "பேங்க்",
        ),
    ),
    PaymentMode(
        "CHEQUE",
        _("Cheque"),
        ("bank",),
        (
            "Chq", "Chqe", "Check", "Cheq", "Chque", "Cheqe", "Chk", "Ck", "Cq", "Cheques", "DD", "Demand draft",
            "D.D.", "Draft", "Bank draft", "Pay order", "Payorder", "Bankers cheque", "Banker's cheque", "PDC",
            "Post dated cheque", "Account payee cheque", "A/c payee cheque", "चेक", "डीडी", "காசோலை", "செக்",
        ),
    ),
    PaymentMode(
        "CARD",
        _("Card"),
        ("card", "bank"),
        (
            "Debit card", "Credit card", "Debit/Credit card", "Credit/Debit card", "Cards", "ATM card", "Dr card",
            "Cr card", "POS", "POS machine", "Swipe", "Swiping", "Swipe machine", "Card swipe", "Card machine", "EDC",
            "EDC machine", "RuPay", "Visa", "Mastercard", "Master card", "Maestro", "कार्ड", "அட்டை", "கார்டு",
        ),
    ),
    PaymentMode("ONLINE", _("Online"), ("bank", "upi"), ("On line", "Online payment", "Online transfer", "Digital")),
    PaymentMode("OTHER", _("Other"), (), ("Others", "Other mode", "Misc", "Miscellaneous")),
)  # fmt: skip

NAMES = tuple(mode.name for mode in PAYMENT_MODES)
CASH = NAMES[0]

# murugan.k@okaxis, 9840012345@ybl: a name at a bank's or an app's handle, which has no dot as a mail address has.
_UPI_ID = re.compile(r"[\w.+-]{2,256}@[a-z][a-z0-9]{1,64}", re.IGNORECASE)
_MOST_LETTERS = 80
# Words around a mode that say nothing of their own: "by cash", "paid through GPay", "NEFT payment".
_FILLERS = frozenset({"by", "in", "via", "thru", "through", "using", "with", "per", "mode", "paid", "pay", "payment",
                      "received", "recd", "only", "app", "and", "or", "from", "to"})  # fmt: skip


def find_mode(text: str) -> str | None:
    """The name of the mode that a text means, None where nobody knows it; several words must mean the same one."""
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or len(text) > _MOST_LETTERS:
        return None
    rest = _UPI_ID.sub(" UPI ", text)
    if "@" in rest:
        return None
    return _named(tuple(_words(rest)))


def unknown_mode(text: str) -> str:
    """The sentence that refuses a text which is no payment mode, with the way out."""
    return f"'{text.strip()[:40]}' is no payment mode that is known: write one of {', '.join(NAMES)}."


def _words(text: str) -> list[str]:
    """The words of a text as they are compared: letters and figures alone, without case; "D.D." and "A/c" are one."""
    joined = re.sub(r"(?<=\b\w)[./](?=\w\b)", "", text)
    # Marks belong to the letters of Indian scripts; what has no width is no letter.
    plain = "".join(sign if unicodedata.category(sign)[0] in "LMN" else _gap(sign) for sign in joined.casefold())
    return plain.split()


def _gap(sign: str) -> str:
    return "" if unicodedata.category(sign) == "Cf" or sign in "'’" else " "


def _key(words: tuple[str, ...]) -> str:
    return "".join(words)


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    """Every name and alias as it is compared -> the mode's name."""
    return {
        _key(tuple(_words(unicodedata.normalize("NFKC", text)))): mode.name
        for mode in PAYMENT_MODES
        for text in (mode.name, *mode.aliases)
    }


def _named(words: tuple[str, ...]) -> str | None:
    known, said = _known(), set()
    while words:
        taken = next((many for many in range(len(words), 0, -1) if _key(words[:many]) in known), 0)
        if taken:
            said.add(known[_key(words[:taken])])
        elif words[0] not in _FILLERS:
            return None
        words = words[taken or 1 :]
    return said.pop() if len(said) == 1 else None
