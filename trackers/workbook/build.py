"""Builds workbooks: the master template that Lendbook ships, and new trackers from it or from the owner's template.

openpyxl draws a template's sheets once; a new tracker is then written like an edit of an almost empty one, so that its
formulas, cached values and chart come from the same place as ever after.
"""

import io
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from openpyxl import Workbook, load_workbook
from openpyxl.cell import Cell
from openpyxl.chart import LineChart, Reference
from openpyxl.formatting.formatting import ConditionalFormattingList
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
from openpyxl.worksheet.datavalidation import DataValidation, DataValidationList
from openpyxl.worksheet.worksheet import Worksheet

from trackers.schedule import MAX_DAY
from trackers.workbook.contents import Contents, new_contents
from trackers.workbook.errors import NotATracker, WorkbookError
from trackers.workbook.figures import FIRST_SUMMARY_ROW, SUMMARY_TITLE_CELL, column_formulas, summary_formulas
from trackers.workbook.layouts import (
    AMOUNT,
    CURRENCY,
    DATE,
    DAY,
    DAYS,
    HIDDEN_SHEET,
    LAYOUTS,
    MODE,
    MODES,
    ON,
    PERCENT,
    Layout,
)
from trackers.workbook.package import Package
from trackers.workbook.patch import Patched, write
from trackers.workbook.read import Opened, missing_headers
from trackers.workbook.sheetxml import SheetXml, column_letters, value_of

TEMPLATE_PATH = Path(__file__).with_name("DailyTrackerTemplate.xlsx")
_NAME_TO_BE = "[Enter Name Here]"
_TEMPLATE_START = date(2025, 1, 1)
_MADE_AT = datetime(2025, 1, 1, tzinfo=UTC)

_INPUT_FILL, _MISSED_FILL, _SUMMARY_COLOUR = "FFF2CC", "F8CBAD", "70AD47"
_FORMATS = {AMOUNT: CURRENCY, ON: DATE, DAY: "General"}
_THIN = Border(**{side: Side(style="thin") for side in ("left", "right", "top", "bottom")})
_CENTRED = Alignment(horizontal="center", vertical="center", wrap_text=True)
_UNLOCKED = Protection(locked=False)


def build_workbook(contents: Contents, template: bytes | None = None) -> Patched:
    """A new workbook that says `contents`, made from a template (None: the one Lendbook ships).

    Serves for opening a tracker, for adopting a lender's own workbook and for rebuilding one that cannot be patched.
    Raises NotATracker when the template lacks a sheet or a header (see template_faults).
    """
    return write(_opened(*blank_workbook(template or shipped_template(), contents.layout.kind)), contents)


def _opened(data: bytes, contents: Contents) -> Opened:
    """A workbook of ours whose contents are known."""
    package, name = Package(data), contents.layout.sheet_name
    path = package.sheets[name]
    return Opened(
        package, SheetXml.of(package, path, is_trusted=True), name, path, package.sheets.get(HIDDEN_SHEET), contents
    )


@lru_cache(maxsize=1)
def shipped_template() -> bytes:
    """The master template that Lendbook ships."""
    return TEMPLATE_PATH.read_bytes()


def template_faults(data: bytes) -> list[str]:
    """What keeps a file from serving as a template, one sentence each; empty when it serves. Raises UnsafeFile."""
    package = Package(data)
    package.inspect()
    faults = []
    for layout in LAYOUTS.values():
        path = package.sheets.get(layout.sheet_name)
        if path is None:
            faults.append(f"The sheet '{layout.sheet_name}' is missing.")
            continue
        cells = SheetXml.of(package, path).cells()
        faults += [f"{layout.sheet_name}: {missing}." for missing in missing_headers(cells, layout, package)]
        for parameter in layout.parameters:
            label_cell = f"A{parameter.cell[1:]}"
            found = value_of(*cells.get(label_cell, (b"", b"")), package)
            if not isinstance(found, str) or found.strip() != parameter.label:
                faults.append(f"{layout.sheet_name}: {label_cell} should read '{parameter.label}'.")
    return faults


@lru_cache(maxsize=12)
def blank_workbook(template: bytes, kind: str) -> tuple[bytes, Contents]:
    """A template's sheet of one kind alone with the hidden sheet, cut to a term of one day, and what it says.

    The owner's formats, widths and pictures stay; formulas, protection, validation, shading and chart are the layout's.
    Remembered per template.
    """
    faults = [fault for fault in template_faults(template) if LAYOUTS[kind].sheet_name in fault]
    if faults:
        raise NotATracker(f"The template cannot be used: {' '.join(faults)}")
    layout = LAYOUTS[kind]
    book = load_workbook(io.BytesIO(template))
    for name in book.sheetnames:
        if name != layout.sheet_name:
            del book[name]
    sheet = book[layout.sheet_name]
    sheet.delete_rows(layout.row(2), max(sheet.max_row, 1))
    for column in layout.inputs:
        for day in (0, 1):
            sheet[layout.cell(day, column.field)].value = None
    _equip(sheet, layout)
    book.create_sheet(HIDDEN_SHEET).sheet_state = "hidden"
    book.active = 0
    blank = write(_opened(_saved(book), _one_day(layout)), _one_day(layout))
    return blank.data, blank.contents


def _one_day(layout: Layout) -> Contents:
    """A tracker on its kind's defaults for a term of one day: what a sheet says before anything is written into it."""
    return new_contents(layout.kind, tracker_name=_NAME_TO_BE, start_date=_TEMPLATE_START, scheme_period=1)


def build_template() -> bytes:
    """The master template: the three sheets, each as a tracker on its kind's defaults. The same bytes every time."""
    book = Workbook()
    del book["Sheet"]
    for layout in LAYOUTS.values():
        sheet = book.create_sheet(layout.sheet_name)
        _draw(sheet, layout)
        _equip(sheet, layout)
    data = _saved(book)
    for layout in LAYOUTS.values():
        defaults = new_contents(layout.kind, tracker_name=_NAME_TO_BE, start_date=_TEMPLATE_START)
        data = write(_opened(data, _one_day(layout)), defaults).data
    return data


def _draw(sheet: Worksheet, layout: Layout) -> None:
    """The look of an empty sheet: title, labels, headers, widths, colours, and the first two days' rows."""
    title, head = _fill(layout.colour), Font(name="Calibri", bold=True, color="FFFFFF")
    for column in layout.columns:
        sheet.column_dimensions[column.letter].width = column.width
        cell = sheet[f"{column.letter}{layout.header_row}"]
        cell.value, cell.font, cell.fill, cell.alignment, cell.border = column.header, head, title, _CENTRED, _THIN
        for day in (0, 1):
            _draw_day_cell(sheet[f"{column.letter}{layout.row(day)}"], column.holds, column.is_input)
    sheet.row_dimensions[1].height = 30
    _draw_band(sheet, f"A1:{layout.last_letter}1", layout.title, title, 16)
    _draw_band(sheet, "A5:C5", "PARAMETERS", title, 12)
    _draw_band(sheet, "E5:F5", None, _fill(_SUMMARY_COLOUR), 12)
    for parameter in layout.parameters:
        row = parameter.cell[1:]
        _draw_label(sheet[f"A{row}"], parameter.label)
        sheet.merge_cells(f"B{row}:C{row}")
        sheet[parameter.cell].fill = _fill(_INPUT_FILL)
    for place, (field, label) in enumerate(layout.summary):
        row = FIRST_SUMMARY_ROW + place
        _draw_label(sheet[f"E{row}"], label)
        colour = {"pending": "FF0000", "profit": "00B050", "roi": "00B050"}.get(field)
        sheet[f"F{row}"].font = Font(name="Calibri", bold=True, color=colour)
    sheet.freeze_panes = f"C{layout.first_row}"


def _draw_label(cell: Cell, text: str) -> None:
    """A label, in smaller type where its column is narrow: widths are the lenders' own and stay."""
    cell.value, cell.font, cell.alignment = text, Font(name="Calibri", bold=True), Alignment(shrink_to_fit=True)


def _fill(colour: str) -> PatternFill:
    return PatternFill("solid", fgColor=colour, bgColor=colour)


def _draw_band(sheet: Worksheet, cells: str, text: str | None, fill: PatternFill, size: int) -> None:
    sheet.merge_cells(cells)
    cell = sheet[cells.partition(":")[0]]
    cell.value, cell.fill, cell.font = text, fill, Font(name="Calibri", bold=True, color="FFFFFF", size=size)
    cell.alignment = Alignment(horizontal="center", vertical="center")


def _draw_day_cell(cell: Cell, holds: str, is_input: bool) -> None:
    cell.border = _THIN
    if holds == DAY:
        cell.alignment = Alignment(horizontal="center")
    if is_input:
        cell.fill = _fill(_INPUT_FILL)


def _equip(sheet: Worksheet, layout: Layout) -> None:
    """What makes any template's sheet a working tracker: formats, formulas, protection, validation, shading, chart."""
    if sheet[f"{layout.last_letter}{layout.header_row}"].value is None:
        _add_expected_column(sheet, layout)
    for column in layout.columns:
        formulas = (
            None if column.is_input or column.holds == DAY else column_formulas(layout.kind, column.field, 1, None)
        )
        for day in (0, 1):
            cell = sheet[f"{column.letter}{layout.row(day)}"]
            cell.number_format = _FORMATS.get(column.holds, "General")
            cell.protection = Protection(locked=not column.is_input)
            if column.holds == DAY:
                cell.value = day
            elif formulas:
                cell.value = f"={formulas[day]}"
    first_terms = _one_day(layout).parameters
    for parameter in layout.parameters:
        cell = sheet[parameter.cell]
        cell.value = first_terms[parameter.field]
        cell.protection = _UNLOCKED
        cell.number_format = DAYS if parameter.holds == DAY else _FORMATS.get(parameter.holds, "General")
        cell.alignment = Alignment(horizontal="left")
    for cell, formula in summary_formulas(layout, 1).items():
        sheet[cell].value = f"={formula}"
        if cell != SUMMARY_TITLE_CELL:
            sheet[cell].number_format = CURRENCY
    sheet[f"F{FIRST_SUMMARY_ROW + len(layout.summary) - 1}"].number_format = PERCENT
    _protect(sheet)
    _validate(sheet, layout)
    _shade_missed_days(sheet, layout)
    _draw_chart(sheet, layout)
    _set_up_page(sheet, layout)


def _add_expected_column(sheet: Worksheet, layout: Layout) -> None:
    """Give a template from before the Expected column that column, in the looks of the Balance column."""
    letter, like = layout.last_letter, layout.letter["balance"]
    sheet.column_dimensions[letter].width = layout.columns[-1].width
    for row in range(layout.header_row, layout.row(2)):
        new, old = sheet[f"{letter}{row}"], sheet[f"{like}{row}"]
        new._style = old._style
    sheet[f"{letter}{layout.header_row}"].value = layout.columns[-1].header


def _protect(sheet: Worksheet) -> None:
    """Lock everything but inputs, without a password; looks, widths and heights may still be changed."""
    sheet.protection.sheet = True
    for freedom in ("formatCells", "formatColumns", "formatRows"):
        setattr(sheet.protection, freedom, False)


def _table_range(layout: Layout, letter: str) -> str:
    """A column over every row that the table may ever have, so that a longer table needs no other rules."""
    return f"{letter}{layout.first_row}:{letter}{layout.row(MAX_DAY)}"


def _validate(sheet: Worksheet, layout: Layout) -> None:
    sheet.data_validations = DataValidationList()
    modes = DataValidation("list", formula1=f'"{",".join(MODES)}"', allow_blank=True)
    modes.error, modes.errorTitle = f"Choose one of: {', '.join(MODES)}.", "Payment mode"
    amounts = DataValidation("decimal", operator="greaterThanOrEqual", formula1="0", allow_blank=True)
    amounts.error, amounts.errorTitle = "Type an amount of 0 or more.", "Amount"
    for column in layout.inputs:
        if column.holds == MODE:
            modes.add(_table_range(layout, column.letter))
        elif column.holds == AMOUNT:
            amounts.add(_table_range(layout, column.letter))
    for parameter in layout.parameters:
        if parameter.holds == AMOUNT:
            amounts.add(parameter.cell)
    sheet.add_data_validation(modes)
    sheet.add_data_validation(amounts)


def _shade_missed_days(sheet: Worksheet, layout: Layout) -> None:
    """Shade the payment of an instalment day left blank while a later day is recorded."""
    sheet.conditional_formatting = ConditionalFormattingList()
    first, paid, expected = layout.first_row, layout.letter["paid"], layout.letter["expected"]
    later = f"${paid}{first}:${paid}${layout.row(MAX_DAY)}"
    missed = f'AND(${paid}{first}="",${expected}{first}>${expected}{first - 1},COUNTA({later})>0)'
    rule = FormulaRule(formula=[missed], fill=PatternFill("solid", bgColor=_MISSED_FILL, fgColor=_MISSED_FILL))
    sheet.conditional_formatting.add(_table_range(layout, paid), rule)


def _draw_chart(sheet: Worksheet, layout: Layout) -> None:
    """Paid against expected, beside the table."""
    sheet._charts = []
    chart = LineChart()
    chart.title, chart.height, chart.width = "Paid against expected", 9, 18
    chart.x_axis.title, chart.x_axis.delete, chart.y_axis.delete = "Day", False, False
    chart.x_axis.tickLblSkip = chart.x_axis.tickMarkSkip = 10
    chart.y_axis.number_format, chart.legend.position = "#,##0", "b"
    first, last = layout.first_row, layout.row(1)
    for field, colour in (("cumulative", layout.colour), ("expected", _SUMMARY_COLOUR)):
        column = [column.field for column in layout.columns].index(field) + 1
        chart.add_data(Reference(sheet, min_col=column, min_row=first - 1, max_row=last), titles_from_data=True)
        line = chart.series[-1]
        line.graphicalProperties.line.solidFill, line.graphicalProperties.line.width = colour, 22_000
        line.smooth, line.marker.symbol = False, "none"
    chart.series[-1].graphicalProperties.line.dashStyle = "dash"
    chart.set_categories(Reference(sheet, min_col=1, min_row=first, max_row=last))
    sheet.add_chart(chart, f"{column_letters(len(layout.columns) + 2)}{layout.header_row}")


def _set_up_page(sheet: Worksheet, layout: Layout) -> None:
    """On paper: as wide as the page, headers on every sheet."""
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight, sheet.sheet_properties.pageSetUpPr.fitToPage = 0, True
    sheet.print_title_rows = f"{layout.header_row}:{layout.header_row}"


def _saved(book: Workbook) -> bytes:
    """The file of a workbook, without the moment of its making: the same input makes the same bytes."""
    book.properties.creator, book.properties.created = "Lendbook", _MADE_AT.replace(tzinfo=None)
    book.calculation.fullCalcOnLoad = True
    file = io.BytesIO()
    try:
        book.save(file)  # by way of files in the machine's folder for temporary ones
    except OSError as error:
        raise WorkbookError(
            f"The workbook could not be built: {error.strerror}. Nothing was saved; free the disk and try again."
        ) from error
    package = Package(file.getvalue())
    core = package.read("docProps/core.xml")
    stamp = _MADE_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    core = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, core)
    for member in package.members.values():
        member.date_time = _MADE_AT.timetuple()[:6]
    return package.replaced({"docProps/core.xml": core})
