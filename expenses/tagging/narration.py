"""What a bank's narration says: how the money moved, to whom, and under which UPI id and reference.

Pure text, no Django. Words and their places decide, never substrings: "POSTPAID BILL" is no POS, "SALARY ACCENTURE" no
credit card, "BUSINESS LOAN EMI" no standing instruction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

UPI, NEFT, IMPS, RTGS, POS = "UPI", "NEFT", "IMPS", "RTGS", "POS"
DEBIT_CARD, CREDIT_CARD, ATM, CHEQUE = "Debit Card", "Credit Card", "ATM", "Cheque"
AUTO_DEBIT, CHARGES, INTEREST, OTHER = "Auto-debit", "Charges", "Interest", "Other"
MODES = (UPI, NEFT, IMPS, RTGS, POS, DEBIT_CARD, CREDIT_CARD, ATM, CHEQUE, AUTO_DEBIT, CHARGES, INTEREST, OTHER)

#: A narration is read up to here; what comes after adds nothing to payee or mode.
READ_CHARACTERS = 1_000
PRODUCT_CHARACTERS = 120


class Narration(NamedTuple):
    """product: the payee in capitals, else the bare UPI id, else ""; upi_id in small letters; remark: the rest."""

    mode: str
    product: str
    upi_id: str
    reference: str
    remark: str


_VPA = re.compile(r"[\w.\-]{2,}@[a-z][a-z0-9]*", re.I)
_IFSC = re.compile(r"[a-z]{4}[0o][a-z0-9]{6}", re.I)
_RRN = re.compile(r"\d{12}")
_CODE = re.compile(r"(?=.*\d)[a-z0-9*#:]{6,}", re.I)
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"[\d.,:*#x]*\d[\d.,:*#x]*", re.I)
_UPI_LEAD = re.compile(r"upi(?:ab|ar|out|in)?\b[-/:\s]*(?:(?:out|in)\b)?[-/:\s]*", re.I)
_GAPS = re.compile(r"[\s_\-,;|]+")
_CARD = re.compile(r"\d{4,6}[x*]{2,}\d{2,4}|[x*]{4,}\d{2,4}|\d{12,19}", re.I)
_LEADS = re.compile(
    r"^(?:(?:to|by)\s+transfer[-\s]+(?:inb\s+)?|(?:wdl|dep)\s+tfr\s+|mb:\s*(?:sent|received from)?\s*"
    r"|recd:\s*|sent\s+|rev(?:ersal)?[-/\s]+)+",
    re.I,
)
_BANKS = frozenset(
    [
        "hdfc",
        "sbin",
        "icic",
        "utib",
        "kkbk",
        "yesb",
        "airp",
        "pytm",
        "barb",
        "cnrb",
        "punb",
        "ubin",
        "idfb",
        "indb",
        "fdrl",
        "ioba",
        "idib",
        "bkid",
        "ibkl",
        "rbl",
        "ratn",
        "sibl",
        "kvbl",
        "cbin",
        "uco",
        "ucba",
        "mahb",
        "aubl",
        "esfb",
        "jsfb",
        "dbss",
        "ciub",
        "tmbl",
        "karb",
        "csbk",
        "jiop",
        "fino",
        "nspb",
        "utbi",
        "alla",
        "andb",
        "corp",
        "synb",
        "vijb",
        "orbc",
        "psib",
        "axis",
        "axisbank",
        "sbi",
        "pnb",
        "bob",
        "kotak",
    ]
)
_PLAIN = frozenset(
    [
        "upi",
        "pay",
        "payment",
        "pmt",
        "na",
        "dr",
        "cr",
        "p2a",
        "p2m",
        "p2p",
        "inb",
        "collect",
        "intent",
        "oid",
        "nil",
        "null",
        "none",
        "ok",
        "sent",
        "transfer",
        "ft",
        "txn",
        "upipay",
        "paid",
    ]
)


def read_narration(text: str) -> Narration:
    """Mode, product, UPI id, reference and remark of one narration; never fails, whatever the text.

    Narrations of one payee differ in their 12-digit reference alone, so they are read once and the reference put in.
    """
    match = _ONE_REFERENCE.search(text)
    if match is None:
        return _read(text)
    read = _read(f"{text[: match.start()]}{_STAND_IN}{text[match.end() :]}")
    if not _stands_apart(read):
        return _read(text)
    return read._replace(reference=match[1]) if read.reference == _STAND_IN else read


#: A reference between separators; another number that long behind it leaves the text as it is.
_ONE_REFERENCE = re.compile(r"(?<=[-/ ])(\d{12})(?=[-/ ]|$)(?!.*\d{12})", re.S)
_STAND_IN = "100000000001"
_REFERENCES = re.compile(r"(?<=[-/ ])\d{12}(?=[-/ \n])")


def group_alike(texts: Sequence[str]) -> tuple[list[int], list[str]]:
    """Narrations that read the same but for their reference: each text's group, and one text of each group.

    A payee paid a hundred times is one group, so that what only depends on the narration is done once. All references
    are replaced in one go; what that did to a text is looked at once per group.
    """
    keys = _REFERENCES.sub(_STAND_IN, "\n".join([*texts, ""])).split("\n")[:-1]
    if len(keys) != len(texts):  # a text of several lines
        keys = list(texts)
    groups: dict[str, int] = {}
    examples: list[str] = []
    numbers = []
    for text, key in zip(texts, keys, strict=True):
        number = groups.get(key)
        if number is None:
            if _STAND_IN in key and not _has_one_reference(key):
                key = f"\0{text}"  # like no other's
                number = groups.get(key)
            if number is None:
                number = groups[key] = len(examples)
                examples.append(text)
        numbers.append(number)
    return numbers, examples


def _has_one_reference(key: str) -> bool:
    """Whether the stand-in stands once, as the one reference, so that every text of that key reads alike."""
    match = _ONE_REFERENCE.search(key)
    return bool(match) and match[1] == _STAND_IN and key.count(_STAND_IN) == 1 and _stands_apart(_read(key))


def _stands_apart(read: Narration) -> bool:
    """Whether the stand-in is the reference and nothing else, so that the rest holds for every reference."""
    if _STAND_IN in read.product or _STAND_IN in read.upi_id or _STAND_IN in read.remark:
        return False
    return read.reference == _STAND_IN or _STAND_IN not in read.reference


@lru_cache(maxsize=100_000)
def _read(text: str) -> Narration:
    text = " ".join(text[:READ_CHARACTERS].split())
    body = _LEADS.sub("", text)
    if lead := _UPI_LEAD.match(body):
        return _upi(body[lead.end() :])
    words = [word.upper() for word in re.findall(r"[^\W_]+", body[:200])]
    first, second = (*words[:2], "", "")[:2]
    if first in (NEFT, RTGS, IMPS, "MMT") or (first == "INB" and second in (NEFT, RTGS, IMPS)):
        return _transfer(body, words)
    if first == "POS":
        return _card(body, POS, 1)
    if words[:3] == ["ME", "DC", "SI"]:
        return _card(body, DEBIT_CARD, 3)
    if first in ("VPS", "IPS", "PUR", "ECOM", "VIN", "PCD") or words[:2] == ["DEBIT", "CARD"]:
        return _card(body, DEBIT_CARD, 2 if first == "DEBIT" else 1)
    if first == "CC" or words[:2] == ["CREDIT", "CARD"]:
        return _made(CREDIT_CARD, "CREDIT CARD BILL", body)
    if first in ("ATW", "NWD", "ATM", "EAW", "ATL", "NFS") or words[:2] in (["CASH", "WDL"], ["CASH", "WITHDRAWAL"]):
        return _made(ATM, "CASH WITHDRAWAL", body)
    if first in ("CHQ", "CHEQUE", "CLG", "CTS") or words[:2] in (["TO", "CLEARING"], ["INWARD", "CLG"]):
        return _cheque(body)
    if first in ("ACH", "NACH", "ECS", "SI", "EMI", "MANDATE", "ENACH") or words[:2] in (
        ["RD", "INSTALLMENT"],
        ["RD", "INSTALMENT"],
    ):
        return _mandate(body, first)
    if _is_interest(words):
        return _made(INTEREST, "BANK INTEREST", body)
    if _is_charge(words):
        return Narration(CHARGES, "BANK CHARGES", "", _reference(body), body)
    if found := next((word for word in words[1:4] if word in (UPI, NEFT, IMPS, RTGS)), None):
        return _plain(body, found)
    return _plain(body, OTHER)


def _upi(rest: str) -> Narration:
    """UPI-<payee>-<vpa>-<ifsc>-<rrn>-<remark>, UPI/DR/<rrn>/<payee>/<bank>/<vpa>/<remark> and their relatives."""
    slashes = "/" in rest.partition("-")[0] or rest.count("/") > rest.count("-")
    parts = [part.strip() for part in rest.split("/" if slashes else "-")]
    upi_id, parts = _take_upi_id(parts, "/" if slashes else "-")
    reference = next((part for part in parts if len(part) == 12 and part.isdecimal()), "")
    payee, remark, coded = [], [], False
    for part in parts:
        if part == "" or _is_code(part):
            coded = coded or bool(payee)
        elif part.lower() in _PLAIN or (slashes and _is_bank(part)):
            if part.lower() not in _PLAIN:
                coded = True
            elif payee:
                remark.append(part)
        elif payee and (slashes or coded):
            remark.append(part)
        else:
            payee.append(part)
    name = " ".join(payee)
    if not name and remark:
        name, remark = remark[0], remark[1:]
    return Narration(UPI, _product(name) or _name_of_upi_id(upi_id) or upi_id, upi_id, reference, " ".join(remark))


def _take_upi_id(parts: list[str], joint: str) -> tuple[str, list[str]]:
    """The UPI id, and the parts with an empty one in its place.

    A hyphen inside an id (PAYTM-WATERBILL@PAYTM) has cut it into parts: those before the @ without a space belong to
    it, the first part is the payee's.
    """
    at = next((i for i, part in enumerate(parts) if "@" in part and _VPA.fullmatch(part.replace(" ", ""))), None)
    if at is None:
        return "", parts
    start = at
    if joint == "-":
        while start > 1 and " " not in parts[start - 1] and not _is_code(parts[start - 1]):
            start -= 1
    upi_id = joint.join(part.replace(" ", "") for part in parts[start : at + 1]).lower()
    return upi_id, [*parts[:start], "", *parts[at + 1 :]]


def _transfer(body: str, words: list[str]) -> Narration:
    """NEFT DR-<ifsc>-<payee>-…, IMPS-<rrn>-<payee>-<bank>, IMPS/P2A/<rrn>/<payee>, RTGS likewise."""
    mode = next((word for word in words[:2] if word in (NEFT, IMPS, RTGS)), IMPS)
    parts = [part.strip() for part in re.split(r"[-/*]", body)]
    parts = [
        re.sub(r"^(?:neft|rtgs|imps|mmt|inb)\b\s*(?:dr|cr)?\b\s*(?:utr no:?)?\s*", "", part, flags=re.I)
        for part in parts
    ]
    reference = next((part for part in parts if _RRN.fullmatch(part)), "") or next(
        (part for part in parts if _is_code(part) and not _IFSC.fullmatch(part)), ""
    )
    named = [p for p in parts if p and p.lower() not in _PLAIN and not _is_code(p) and not _is_bank(p)]
    return Narration(mode, _product(named[0]) if named else "", "", reference, " ".join(named[1:]))


def _card(body: str, mode: str, skip: int) -> Narration:
    """POS <card> <merchant>, ME DC SI <card> <merchant>, POS/<merchant>/<city>."""
    rest = re.sub(rf"^(?:[^\W_]+[\s/\-]*){{{skip}}}", "", body)
    rest = _CARD.sub(" ", rest)
    parts = [part.strip() for part in rest.split("/") if part.strip() and not _is_code(part.strip())]
    merchant = re.sub(r"(?:\bpos debit\b|\bdebit\b)?\s*$", "", parts[0], flags=re.I) if parts else ""
    return Narration(mode, _product(merchant), "", _reference(body), " ".join(parts[1:]))


def _mandate(body: str, first: str) -> Narration:
    """ACH D- <biller>-<mandate>, SI <mandate> <biller>, NACH/…, EMI <no> <loan>, RD INSTALLMENT."""
    rest = re.sub(
        r"^(?:[e]?nach|ach|ecs|si|mandate)\b[\s\-/:]*(?:(?:d|c|dr|cr|debit|10)\b[\s\-/:]+)*", "", body, flags=re.I
    )
    parts = [part.strip() for part in re.split(r"[-/]", rest) if part.strip() and not _is_code(part.strip())]
    name = _product(parts[0]) if parts else ""
    if first == "EMI":
        name = "LOAN EMI" if name in ("", "EMI", "EMI CHQ") or re.match(r"EMI\s", name) else name
    if first == "RD":
        name = "RD INSTALLMENT"
    return Narration(AUTO_DEBIT, name, "", _reference(body), " ".join(parts[1:]))


def _cheque(body: str) -> Narration:
    match = re.search(r"\b\d{6}\b", body)
    rest = re.sub(r"\b(?:chq|cheque|clg|cts|paid|to|clearing|inward|micr|no|self)\b|[-/.:]", " ", body, flags=re.I)
    return Narration(CHEQUE, _product(rest), "", match[0] if match else "", "")


def _plain(body: str, mode: str) -> Narration:
    """No shape that is known: what is left without numbers and codes is the payee. BIL/ONL/<no>/<biller>/…"""
    match = _VPA.search(body)
    upi_id = match[0].lower() if match else ""
    rest = body.replace(match[0], " ") if match else body
    rest = re.sub(
        r"^(?:bil|inf|inft|tpt|ib|mb|onl|bpay|billpay|bill)\b[\s/\-:]*(?:(?:onl|bpay|inft|ft)\b[\s/\-:]+)?",
        "",
        rest,
        flags=re.I,
    )
    rest = re.sub(rf"\b{mode}\b", " ", rest, flags=re.I) if mode != OTHER else rest
    parts = [part.strip() for part in re.split(r"[/:]", rest)] if "/" in rest else [rest]
    parts = [part for part in parts if part and not _is_code(part) and part.lower() not in _PLAIN]
    name = _product(parts[0]) if parts else ""
    return Narration(mode, name or _name_of_upi_id(upi_id) or upi_id, upi_id, _reference(body), " ".join(parts[1:]))


def _made(mode: str, product: str, body: str) -> Narration:
    return Narration(mode, product, "", _reference(body), body)


def _is_interest(words: list[str]) -> bool:
    return words[:1] == ["INT"] or words[:2] in (
        ["INTEREST", "PAID"],
        ["CREDIT", "INTEREST"],
        ["INTEREST", "CREDIT"],
        ["SB", "INT"],
    )


_CHARGE_WORDS = frozenset(["CHARGE", "CHARGES", "CHRG", "CHRGS", "CHGS", "CHG", "PENALTY"])
_CHARGED = frozenset(
    [
        "SMS",
        "AMC",
        "ATM",
        "CARD",
        "DEBIT",
        "BAL",
        "BALANCE",
        "MIN",
        "MAB",
        "AMB",
        "GST",
        "NACH",
        "ECS",
        "CHQ",
        "CHEQUE",
        "RETURN",
        "BANK",
        "FOLIO",
        "INSTAALERT",
        "IMPS",
        "NEFT",
        "RTGS",
        "ANNUAL",
        "CASH",
        "MAINTENANCE",
        "SERVICE",
        "LEDGER",
        "NON",
        "NWD",
        "DECLINE",
        "LOCKER",
    ]
)


def _is_charge(words: list[str]) -> bool:
    """A bank's own charge: charge words beside what banks charge for, or GST alone in front."""
    if words[:1] in (["GST"], ["DCARDFEE"], ["AMC"], ["CHRG"], ["CHARGES"], ["CHGS"]):
        return True
    return bool(_CHARGE_WORDS & set(words[:8])) and words[0] in _CHARGED


@lru_cache(maxsize=50_000)
def _is_code(part: str) -> bool:
    """A number, IFSC, account or mandate: letters and digits without a space, or digits with punctuation."""
    if not _DIGIT.search(part):
        return False
    bare = part.replace(" ", "")
    if _NUMBER.fullmatch(bare) or _IFSC.fullmatch(bare):
        return True
    digits = sum(map(str.isdigit, bare))
    return (
        bool(_CODE.fullmatch(bare)) and " " not in part and (digits >= 4 or (digits >= 2 and digits * 2 >= len(bare)))
    )


def _is_bank(part: str) -> bool:
    words = part.lower().split()
    return (len(words) == 1 and words[0] in _BANKS) or (len(words) > 1 and "bank" in words)


def _reference(body: str) -> str:
    match = re.search(r"\b\d{12}\b", body) or re.search(r"\b\d{6,}\b", body)
    return match[0] if match else ""


@lru_cache(maxsize=50_000)
def _product(name: str) -> str:
    """A payee as one spelling: capitals, single spaces, no codes, no punctuation at the ends."""
    words = [word for word in _GAPS.split(name.upper()) if word and not (len(word) > 3 and _is_code(word))]
    return " ".join(words).strip(" .-/:*&'\"()")[:PRODUCT_CHARACTERS].strip()


def _name_of_upi_id(upi_id: str) -> str:
    """swiggy.stores@axb -> SWIGGY STORES; nothing from an id that is a number or a till's code."""
    local = upi_id.partition("@")[0]
    words = [word for word in re.split(r"[.\-_\d]+", local) if len(word) > 2]
    return " ".join(words).upper() if words and sum(map(str.isdigit, local)) < len(local) / 2 else ""


# --- one product per UPI id

#: Ids under which many sellers are paid say nothing about the seller.
_SHARED_IDS = frozenset(
    [
        "razorpay",
        "rzp",
        "razorpaypg",
        "payu",
        "payubiz",
        "billdesk",
        "ccavenue",
        "cashfree",
        "easebuzz",
        "instamojo",
        "juspay",
        "phonepe",
        "paytm",
        "gpay",
        "googlepay",
        "upi",
        "bhim",
        "bharatpe",
        "billpay",
        "bbps",
    ]
)


def is_own_id(upi_id: str) -> bool:
    """Whether the id belongs to one payee (a gateway's does not)."""
    return bool(upi_id) and re.sub(r"[^a-z]", "", upi_id.partition("@")[0]) not in _SHARED_IDS


def name_products(
    narrations: Iterable[Narration], known: Mapping[str, str] | None = None, counts: Sequence[int] | None = None
) -> tuple[list[str], dict[str, str]]:
    """The product of each narration such that one UPI id is one product however its payee is cut or spelt.

    known   UPI id -> product as already stored; it wins, so a product keeps its name from one statement to the next
    counts  how many rows each narration stands for; one if not given
    Returns the products in order, and the UPI id -> product pairs that are new: among an
    id's spellings the commonest wins, then the longest.
    """
    narrations, known = list(narrations), known or {}
    spellings: dict[str, Counter[str]] = {}
    for narration, count in zip(narrations, counts or repeat(1), strict=False):
        if narration.product and is_own_id(narration.upi_id) and narration.upi_id not in known:
            spellings.setdefault(narration.upi_id, Counter())[narration.product] += count
    new = {upi_id: max(names, key=lambda name: (names[name], len(name), name)) for upi_id, names in spellings.items()}
    named = [known.get(n.upi_id) or new.get(n.upi_id) or n.product if n.upi_id else n.product for n in narrations]
    return named, new
