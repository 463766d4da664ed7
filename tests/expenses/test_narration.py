"""A narration names how the money moved and to whom: by words and places, never by substrings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expenses.tagging import narration
from expenses.tagging.narration import MODES, name_products, read_narration


@pytest.mark.parametrize(
    ("text", "mode", "product", "upi_id", "reference"),
    [
        (
            "UPI-SPORT ZONE-SPORTZONE@OKAXIS-UTIB0001234-512345678901-GOODS",
            "UPI", "SPORT ZONE", "sportzone@okaxis", "512345678901",
        ),
        (
            "UPI-METRO WATER-PAYTM-WATERBILL@PAYTM-PYTM0123456-512345678901-OID1",
            "UPI", "METRO WATER", "paytm-waterbill@paytm", "512345678901",
        ),
        ("UPI/DR/512345678901/RAMYA STORES/YESB/ramya@ybl/Payment", "UPI", "RAMYA STORES", "ramya@ybl", "512345678901"),
        (
            "TO TRANSFER-UPI/DR/512345678901/RAMYA STORES/YESB/ramya@ybl/Pay",
            "UPI", "RAMYA STORES", "ramya@ybl", "512345678901",
        ),
        (
            "UPI/512345678901/Pay/thulasi@okicici/Thulasi Medicals",
            "UPI", "THULASI MEDICALS", "thulasi@okicici", "512345678901",
        ),
        ("UPI/Test Mart/YESB/512345678901/UPI", "UPI", "TEST MART", "", "512345678901"),
        ("UPI-GROCERY-DMART-STORE", "UPI", "GROCERY DMART STORE", "", ""),
        ("UPI-swiggy.stores@axb", "UPI", "SWIGGY STORES", "swiggy.stores@axb", ""),
        ("UPI-9876543210@ybl", "UPI", "9876543210@ybl", "9876543210@ybl", ""),
        ("POS 512345XXXXXX1234 SARAVANA STORES", "POS", "SARAVANA STORES", "", ""),
        ("ME DC SI 512345XXXXXX1234 NETFLIX COM", "Debit Card", "NETFLIX COM", "", ""),
        ("ATW-512345XXXXXX1234-S1AC0001-COIMBATORE", "ATM", "CASH WITHDRAWAL", "", ""),
        ("NWD-512345XXXXXX1234-ABC-CHENNAI", "ATM", "CASH WITHDRAWAL", "", ""),
        ("ATM-CASH-WITHDRAWAL", "ATM", "CASH WITHDRAWAL", "", ""),
        ("CASH WDL SELF", "ATM", "CASH WITHDRAWAL", "", ""),
        (
            "NEFT DR-SBIN0000123-KOVAI TRADERS-NETBANK, MUM-N123456789012345-RENT",
            "NEFT", "KOVAI TRADERS", "", "N123456789012345",
        ),
        ("IMPS-512345678901-KAVITHA RAGHAVAN-HDFC-xxxxxx1234-LOAN", "IMPS", "KAVITHA RAGHAVAN", "", "512345678901"),
        ("RTGS DR-UTIB0000001-ABC MOTORS-NETBANK", "RTGS", "ABC MOTORS", "", ""),
        ("ACH D- BAJAJ FINANCE LTD-P400PHH1234567", "Auto-debit", "BAJAJ FINANCE LTD", "", ""),
        ("SI HGACP07D9D9992845303 METROCITY-02-11-2024", "Auto-debit", "METROCITY", "", ""),
        ("NACH-10-CHOLAMANDALAM-12345678", "Auto-debit", "CHOLAMANDALAM", "", "12345678"),
        ("EMI 123456789 CHQ S1234567 0125", "Auto-debit", "LOAN EMI", "", "123456789"),
        ("RD INSTALLMENT-5010012345", "Auto-debit", "RD INSTALLMENT", "", "5010012345"),
        ("CC 000512345XXXXXX1234 AUTOPAY SI-TAD", "Credit Card", "CREDIT CARD BILL", "", ""),
        ("BIL/ONL/000123456789/TNEB/12345", "Other", "TNEB", "", "000123456789"),
        ("CHQ PAID-MICR CTS-TO-KUMARAN SILKS-000123", "Cheque", "KUMARAN SILKS", "", "000123"),
        ("GST ON SMS CHARGES", "Charges", "BANK CHARGES", "", ""),
        ("SMS CHARGES JAN-MAR25", "Charges", "BANK CHARGES", "", ""),
        ("INT.PD:01-01-2025 TO 31-03-2025", "Interest", "BANK INTEREST", "", ""),
        ("UPI-அண்ணபூர்ணா மளிகை-annapoorna@okaxis", "UPI", "அண்ணபூர்ணா மளிகை", "annapoorna@okaxis", ""),
    ],
)  # fmt: skip
def test_shapes(text, mode, product, upi_id, reference):
    read = read_narration(text)
    assert (read.mode, read.product, read.upi_id, read.reference) == (mode, product, upi_id, reference)


@pytest.mark.parametrize(
    "text",
    ["POSTPAID BILL", "SALARY ACCENTURE", "BUSINESS LOAN EMI", "UPIMA HOUSE", "ATMARAM AND SONS", "INTEX RETAIL"],
)
def test_a_part_of_a_word_is_no_mode(text):
    assert read_narration(text).mode == "Other"
    assert read_narration(text).product == text


@given(st.from_regex(r"(UPI|IMPS|ATW|SI|XYZ)([-/ ]([A-Z]{1,5}|[0-9]{11,13}|[a-z]{2}@ybl)){0,6}", fullmatch=True))
def test_reading_once_for_many_references_changes_nothing(text):
    assert read_narration(text) == narration._read(text)


def test_remark_is_kept():
    assert read_narration("UPI-RAJESH-raj@ybl-SBIN0001234-512345678901-house rent").remark == "house rent"


@given(st.text(max_size=200) | st.from_regex(r"(UPI|NEFT|POS|ACH|CHQ)[-/ ][A-Z@0-9/\- ]{0,60}", fullmatch=True))
def test_no_text_breaks_the_reader(text):
    read = read_narration(text)
    assert read.mode in MODES
    assert len(read.product) <= 120 or read.product == read.upi_id


def test_one_upi_id_is_one_product_however_the_payee_is_cut_or_spelt():
    texts = [
        "UPI-SRI MURUGAN STO-murugan@ybl-YESB0001234-512345678901-A",
        "UPI-SRI MURUGAN STORES-murugan@ybl-YESB0001234-512345678902-B",
        "UPI/DR/512345678903/SREE MURUGAN STORES/YESB/murugan@ybl/C",
        "UPI-SRI MURUGAN STORES-murugan@ybl-YESB0001234-512345678904-D",
        "UPI-OTHER-other@ybl-YESB0001234-512345678905-E",
    ]
    products, new = name_products(map(read_narration, texts))
    assert products == ["SRI MURUGAN STORES"] * 4 + ["OTHER"]
    assert new == {"murugan@ybl": "SRI MURUGAN STORES", "other@ybl": "OTHER"}


def test_a_product_keeps_its_stored_name():
    products, new = name_products([read_narration("UPI-SRI MURUGAN-murugan@ybl")], {"murugan@ybl": "MURUGAN KADAI"})
    assert (products, new) == (["MURUGAN KADAI"], {})


def test_sellers_behind_one_gateway_stay_apart():
    texts = ["UPI-RED BOOKS-razorpay@axisbank", "UPI-BLUE SHOES-razorpay@axisbank"]
    assert name_products(map(read_narration, texts))[0] == ["RED BOOKS", "BLUE SHOES"]
