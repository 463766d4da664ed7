"""What a cell shows of its number decides whether it is the amount that a person sees."""

from decimal import Decimal

import pytest

from shop.xlsx.formats import (
    DATE,
    FRACTION,
    NOTHING,
    NUMBER,
    OTHER,
    PERCENTAGE,
    POWER,
    ROUNDED,
    TIME,
    code_of,
    shown,
    why_not,
)

ACCOUNTING = '_-* #,##0.00_-;-* #,##0.00_-;_-* "-"??_-;_-@_-'
LAKHS = r"[>=10000000]##\,##\,##\,##0.00;[>=100000]##\,##\,##0.00;##,##0.00"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("500", "General"), ("500", ""), ("500.5", "General"), ("500", "@"), ("500", "0"), ("500", "#"), ("0", "#"),
        ("500.50", "0.00"), ("500.50", "0.0#"), ("12.5", "#.##"), ("1234567.89", "#,##0.00"), ("500", "00000"),
        ("500", "₹#,##0.00;[Red]-₹#,##0.00"), ("500", '"₹"\\ #,##0'), ("500", "[$₹-4009] #,##0.00"),
        ("500", "[$-409]#,##0.00"), ("500", "Rs.#,##0.00"), ("500", '"Rs. "#,##0.00'), ("500", '"INR" 0.00'),
        ("500", "0/-"), ("500", '0"/-"'), ("500", '#,##0.00" Cr"'), ("100", '0 "(Days)"'), ("500", 'General" Rs"'),
        ("500.5", ACCOUNTING), ("0", ACCOUNTING), ("0", '0;-0;"-"'), ("0", "0;-0;;@"), ("500", "#,##0.00_);(#,##0.00)"),
        ("-40", "0.00;[Red]0.00"), ("-40", "#,##0.00;(#,##0.00)"), ("123456.50", LAKHS), ("12345678.00", LAKHS),
        ("500", "##,##,##0.00"), ("1234.50", r"#\ ##0.00"), ("500", "# ?/?"), ("500", "[Blue]0;[Red]-0"),
        ("500", "[<1000]0.00;0.00,\"k\""), ("500", "[Color10]0.00"), ("500", "[DBNum1]0"), ("500", '0"date"'),
        ("500", r"0\d"), ("500", "?0.00"), ("500", '0.00"unterminated'),
    ],
)  # fmt: skip
def test_a_number_that_shows_itself_is_a_number(number, code):
    assert shown(Decimal(number), code).kind == NUMBER


@pytest.mark.parametrize(
    ("number", "code", "kind", "text"),
    [
        ("46178", "yyyy-mm-dd", DATE, "2026-06-05"),
        ("46178", "dd/mm/yyyy", DATE, "2026-06-05"),
        ("46178", "mmm", DATE, "2026-06-05"),
        ("46178", r"[$-F800]dddd\,\ mmmm\ dd\,\ yyyy", DATE, "2026-06-05"),
        ("46178", 'd "of" mmmm', DATE, "2026-06-05"),
        ("46178.5", "dd/mm/yyyy hh:mm", DATE, "2026-06-05 12:00"),
        ("500", "D-M-YY", DATE, "1901-05-14"),
        ("0", "yyyy-mm-dd", DATE, "1900-01-00"),
        ("9999999", "yyyy-mm-dd", DATE, "#######"),
        ("0.5", "h:mm AM/PM", TIME, "12:00"),
        ("1.5", "[h]:mm:ss", TIME, "36:00"),
        ("500", "[mm]:ss.00", TIME, "12000:00"),
        ("5", "0%", PERCENTAGE, "500%"),
        ("0.05", "0.00%", PERCENTAGE, "5.00%"),
        ("5", '0.0"%"', PERCENTAGE, "5.0%"),
        ("500.5", "# ?/?", FRACTION, "500.5"),
        ("0.25", "# ??/100", FRACTION, "0.25"),
        ("500", "0.00E+00", POWER, "5E+2"),
        ("500", ";;;", NOTHING, ""),
        ("500", '""', NOTHING, ""),
        ("500", "0.0,", OTHER, "0.5"),
        ("500000", "#,##0,", OTHER, "500"),
        ("5000000", "0.00,,", OTHER, "5.00"),
        ("1500", '[<1000]0;0.0,"k"', OTHER, "1.5k"),
        ("500", r"0\.00", OTHER, "5.00"),
        ("500", '"7"0', OTHER, "7500"),
        ("500", '0"0"', OTHER, "5000"),
        ("500", '"."0', OTHER, ".500"),
        ("500", "000-000", OTHER, "000-500"),
        ("500", '"paid"', OTHER, "paid"),
        ("5", '0.00" lakh"', OTHER, "5.00 lakh"),
        ("5", '"in Thousands "0', OTHER, "in Thousands 5"),
        ("0.4", "0", OTHER, "0"),
        ("33.5", "0", ROUNDED, "34"),
        ("1033.5", "#,##0", ROUNDED, "1,034"),
    ],
)
def test_a_number_that_shows_as_something_else_is_named(number, code, kind, text):
    sight = shown(Decimal(number), code)
    assert (sight.kind, sight.text) == (kind, text)


@pytest.mark.parametrize("number_format", [*range(14, 18), 22, *range(27, 37), *range(50, 59)])
def test_built_in_formats_of_dates_show_dates(number_format):
    assert shown(Decimal(46178), code_of(number_format, {})).kind == DATE


@pytest.mark.parametrize(
    ("number_format", "kind"),
    [(0, NUMBER), (1, NUMBER), (2, NUMBER), (4, NUMBER), (44, NUMBER), (49, NUMBER), (163, NUMBER)]
    + [(9, PERCENTAGE), (10, PERCENTAGE), (11, POWER), (48, POWER)]
    + [(each, TIME) for each in (18, 19, 20, 21, 45, 46, 47)],
)
def test_other_built_in_formats_are_known(number_format, kind):
    assert shown(Decimal(500), code_of(number_format, {})).kind == kind


def test_a_workbooks_own_format_comes_before_the_built_in_one():
    assert code_of(14, {14: "0.00"}) == "0.00"


def test_a_date_that_counts_from_1904_is_shown_as_that_date():
    assert shown(Decimal(46178 - 1462), "yyyy-mm-dd", True).text == "2026-06-05"


def test_the_sentence_names_the_cell_what_it_shows_and_the_way_out():
    def sentence(number, code):
        return why_not("C17", Decimal(number), shown(Decimal(number), code), "an amount")

    assert sentence("46178", "yyyy-mm-dd").startswith("C17 shows 2026-06-05, a date, not an amount: ")
    assert sentence("5", "0%").startswith("C17 shows 500%, a percentage, not an amount: ")
    assert sentence("500", ";;;").startswith("C17 shows nothing, but holds 500: ")
    assert sentence("33.50", "0").startswith("C17 shows '34', but holds 33.5: show its decimals")
    assert sentence("500", "0.0,").startswith("C17 shows '0.5', but holds 500: ")
    assert sentence("500", "0.00") == ""
