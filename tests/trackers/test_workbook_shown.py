"""A tracker's input cell is what a person sees in it: its style decides, in a lender's workbook and in a copy of ours."""

from decimal import Decimal

import pytest

from tests.trackers.workbooks import cell_of, new_workbook, original, parts, with_parts, with_sheet
from trackers.workbook.errors import CannotPatch
from trackers.workbook.patch import patch
from trackers.workbook.read import read

FORMATS = {
    "yyyy-mm-dd": "C17 shows 1901-05-14, a date, not an amount",
    "h:mm": "C17 shows 12000:00, a time, not an amount",
    "0%": "C17 shows 50000%, a percentage, not an amount",
    "0.00E+00": "C17 shows 5E+2, a number in powers of ten, not an amount",
    "0.0,": "C17 shows '0.5', but holds 500",
    ";;;": "C17 shows nothing, but holds 500",
    '"7"0': "C17 shows '7500', but holds 500",
    '0" lakh"': "C17 shows '500 lakh', but holds 500",
}


def styled(data: bytes, code: str, cell: str = "C17", value: bytes = b"500") -> bytes:
    """The workbook with a value in a cell of a number format of its own."""
    styles = parts(data)["xl/styles.xml"]
    count = styles[styles.index(b"<cellXfs") :].split(b"</cellXfs>")[0].count(b"<xf ")
    form = b'<numFmt numFmtId="199" formatCode="%b"/>' % code.replace('"', "&quot;").encode()
    styles = styles.replace(b"</numFmts>", form + b"</numFmts>", 1)
    assert form in styles
    style = b'<xf numFmtId="199" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    styles = styles.replace(b"</cellXfs>", style + b"</cellXfs>")
    filled = b'<c r="%b" s="%d"><v>%b</v></c>' % (cell.encode(), count, value)
    if not value:
        filled = b'<c r="%b" s="%d"/>' % (cell.encode(), count)
    return with_parts(with_sheet(data, cell_of(data, cell), filled), {"xl/styles.xml": styles})


@pytest.mark.parametrize("code", FORMATS)
@pytest.mark.parametrize("data", [new_workbook(), original(filled={"C14": 500, "C17": 1})], ids=["ours", "theirs"])
def test_an_amount_that_shows_as_something_else_is_refused_with_its_cell(data, code):
    contents = read(styled(data, code), thorough=True)
    (refused,) = contents.unreadable
    assert refused.cell == "C17"
    assert refused.reason.startswith(FORMATS[code])
    assert 4 not in contents.days
    assert not contents.is_as_written


@pytest.mark.parametrize("code", ["General", "0", "#,##0.00", '"₹"#,##0.00', "0/-", "[$₹-4009] #,##0.00"])
@pytest.mark.parametrize("data", [new_workbook(), original(filled={"C17": 1})], ids=["ours", "theirs"])
def test_an_amount_that_shows_itself_is_taken(data, code):
    contents = read(styled(data, code), thorough=True)
    assert contents.unreadable == ()
    assert contents.days[4] == {"paid": Decimal(500)}


def test_paise_that_a_lenders_format_hides_are_named_and_those_of_the_houses_template_are_not():
    theirs = read(styled(original(filled={"C17": 1}), "#,##0", value=b"500.5"), thorough=True)
    assert theirs.unreadable[0].reason.startswith("C17 shows '501', but holds 500.5: show its decimals")
    ours = read(styled(new_workbook(), "#,##0", value=b"500.5"), thorough=True)
    assert ours.days[4] == {"paid": Decimal("500.50")}


def test_a_period_that_shows_as_a_date_is_no_period():
    contents = read(styled(original(filled={"B7": 100}), "d-m-yyyy", "B7", b"100"), thorough=True)
    (refused,) = contents.unreadable
    assert (refused.cell, "a date, not a number of days" in refused.reason) == ("B7", True)


def test_a_start_date_that_shows_as_a_percentage_is_no_date():
    contents = read(styled(new_workbook(), "0%", "B10", b"45581"), thorough=True)
    assert [refused.cell for refused in contents.unreadable] == ["B10"]


def test_a_day_that_shows_as_a_date_is_no_day():
    contents = read(styled(original(filled={"A17": 4, "C17": 500}), "d-m-yyyy", "A17", b"4"), thorough=True)
    (refused,) = contents.unreadable
    assert (refused.cell, "A17 shows 1900-01-04, a date, not a day" in refused.reason) == ("A17", True)


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [("d mmm yyyy", b"45585", "2024-10-20"), ("h:mm", b"0.75", "18:00"), ("0%", b"0.05", "5%"), ("0", b"7", "7")],
)
def test_a_note_reads_as_it_shows(code, value, text):
    contents = read(styled(original(filled={"H17": 1}), code, "H17", value), thorough=True)
    assert contents.days[4] == {"notes": text}


def test_what_was_taken_before_is_still_there_when_the_stored_file_is_read():
    assert read(styled(new_workbook(), "yyyy-mm-dd")).days[4] == {"paid": Decimal(500)}


def test_an_amount_written_into_a_blank_cell_of_a_dates_format_gets_its_columns_format():
    data = styled(new_workbook(), "yyyy-mm-dd", value=b"")
    assert read(data, thorough=True).is_as_written
    patched = patch(data, days={4: {"paid": Decimal(750)}}).data
    again = read(patched, thorough=True)
    assert again.is_as_written
    assert again.days[4] == {"paid": Decimal(750)}
    style = cell_of(new_workbook(), "C16").split(b" s=")[1].split(b'"')[1]
    assert b' s="%b"' % style in cell_of(patched, "C17")


def test_a_term_is_not_written_where_it_would_show_as_something_else():
    data = styled(new_workbook(), "yyyy-mm-dd", "B6", b"50000")
    with pytest.raises(CannotPatch, match="B6 has a format that would show something else than 60000"):
        patch(data, parameters={"investment": Decimal(60000)})
