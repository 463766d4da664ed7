"""Nonsense for every form and importer: what people mistype, what programs break on, what attackers try; drawn from a seed."""

import inspect
import io
import re
import zipfile
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.core.files.uploadedfile import SimpleUploadedFile

TEXTS = (
    "", " ", "0", "-0", "-1", "1", "2", "999", str(2**31), str(2**63), str(-(2**63) - 1), "9" * 400, "1e400",
    "1e-400", "-1e9999999",
    "NaN", "sNaN", "Infinity", "-inf", "0.001", "1,00,000.00", "₹ 500", "१२३", "௧௨௩", "٣", "²", "1_000", "0x1F", "+5",
    "--5", "1e5",
    "30/02/2024", "30-02-2024", "2024-02-30", "31-12-9999", "9999-12-31", "01-01-0001", "0000-00-00", "2024-10",
    "2024-13", "0000-01",
    "99999-01-01", "17-10-2024", "2024-10-17", "2024-10-17T25:61", "2024-W01-1", "20241017", "tomorrow",
    "\x00", "a\x00b", "\x01\x02\x1b[31m", "\r\n", "a\r\nSet-Cookie: a=b", "\t", "\x7f", "\x85", "\u2028", "\u202e",
    "\ufeff", "\ufffe", "\U0010ffff",
    "முருகன்", "नमस्ते", "👩‍👩‍👧", "e\u0301" * 50, "İ", "ß", "ﬁ", "=1+1", "@SUM(A1)", '=cmd|" /C calc"!A0', "+1",
    "-1+1",
    "' OR 1=1 --", '"; DROP TABLE x', "%s%n%d", "{0}{x}", "{{ 7 }}", "{% load x %}", "<script>alert(1)</script>",
    "../../etc/passwd", "%00", "%",
    "\\", "'", '"', "`", "[", "(", "*", "a" * 300, "அ" * 3000, "x " * 40_000, "on", "off", "true", "None", "null",
    "undefined", "[]", "{}", "[1",
    '{"a": 1}', '[[["x"]]]', '{"rows": [{"tracker": null, "paid": "NaN"}]}', "[" * 2000, "cash", "bank", "Cash",
    "UPI", "all", "save", "__all__", "1,2", "1;2",
    "http://[::1", "//evil.example/", "javascript:alert(1)", "/admin/", "#", "?", "a@b", "+919840012345", "9" * 15,
    "en", "ta", "xx",
)  # fmt: skip
PLAUSIBLE = ("17-10-2024", "2024-10-17", "5", "500", "Murugan", "Cash", "9840012345", "1", "2", "10", "on")
IDS = ("0", "-1", str(2**63), "9" * 30, "2024-02-30", "9999-12-31", "0001-01-01", "x", "a%00b")
BODIES = (b"", b"{", b"[]", b'{"rows": 1}', b"null", b"\xff\xfe\x00", b"--x\r\n", b"a=%00&b=%ff", b"[" * 3000)
KINDS = (
    "application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain; charset=nonsense",
    "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-7",
)  # fmt: skip
CELLS = (
    "date", "Date", "category", "Category", "amount", "Amount", "account", "narration", "Narration", "Product", "Tag",
    "customer", "Customer",
    "loan amount", "daily", "tracker", "Value Date", "Debit Amount", "Credit Amount", "Chq/Ref Number",
    "Closing Balance", "Withdrawal Amt.", "payment_mode",
    "Collection", "Expense", "Cash", "Bank", "01/09/25", "17/10/2024", "17-10-2024", "250.00", "5", "Dr", "Cr",
    "0.00",
)  # fmt: skip


@dataclass
class Form:
    """A form of a page: where it goes, and per name the values it would send by itself."""

    action: str
    method: str
    values: dict = field(default_factory=dict)
    files: set = field(default_factory=set)


class Forms(HTMLParser):
    """The forms of a page, .found."""

    def __init__(self, page):
        super().__init__()
        self.found, self._inside, self._select = [], None, ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        name = told.get("name") or ""
        if tag == "form":
            self._inside = Form(told.get("action") or "", (told.get("method") or "get").upper())
            self.found.append(self._inside)
        if not self._inside:
            return
        if tag in ("select", "textarea"):
            self._select = name
        if tag == "option" and self._select:
            self._inside.values.setdefault(self._select, []).append(told.get("value") or "")
        elif tag == "input" and told.get("type") == "file":
            self._inside.files.add(name)
        elif tag in ("input", "select", "textarea", "button") and name:
            self._inside.values.setdefault(name, []).extend([told["value"]] if told.get("value") else [])

    def handle_endtag(self, tag):
        if tag == "form":
            self._inside = None
        if tag in ("select", "textarea"):
            self._select = ""


def names_read(view):
    """The names that the module of a view takes out of a request: ({in a query}, {in a form}, {files})."""
    module = inspect.getmodule(inspect.unwrap(getattr(view, "view_class", view)))
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        return set(), set(), set()
    take = r'%s(?:\.get|\.getlist|\.pop)?[(\[]\s*"(\w+)"'
    return tuple(set(re.findall(take % kind, source)) for kind in ("GET", "POST", "FILES"))


def text(draw, known=()):
    """One value: mostly nonsense, sometimes what stands in the books or would do."""
    chance = draw.random()
    if chance < 0.15 and known:
        return str(draw.choice(known))
    if chance < 0.3:
        return draw.choice(PLAUSIBLE)
    if chance < 0.4:
        return "".join(
            chr(draw.choice((draw.randrange(128), draw.randrange(0x3000), draw.randrange(0xD800))))
            for _ in range(draw.randrange(20))
        )
    return draw.choice(TEXTS)


def filled(draw, values, files, known):
    """What is posted: half the time one field is nonsense and the others as the form has them, else anything goes."""
    posted = {}
    for name, own in values.items():
        posted[name] = draw.choice(own) if own else draw.choice(PLAUSIBLE)
    names = sorted(posted)
    wrong = draw.sample(names, min(len(names), 1 if draw.random() < 0.5 else draw.randrange(1, 30))) if names else []
    for name in wrong:
        chance = draw.random()
        if chance < 0.1:
            del posted[name]
        elif chance < 0.2:
            posted[name] = [text(draw, known) for _ in range(draw.randrange(4))]
        elif chance < 0.23:
            posted[name] = upload(draw)
        else:
            posted[name] = text(draw, known)
    for name in sorted(files):
        if draw.random() < 0.9:
            posted[name] = [upload(draw) for _ in range(draw.choice((1, 1, 1, 2)))]
    return posted


def table(draw):
    """Lines of cells that look like headers, rows and nonsense."""

    def cell():
        return draw.choice(CELLS) if draw.random() < 0.75 else text(draw)[:2000]

    mark = draw.choice(",,,;\t|")
    rows = [[cell() for _ in range(draw.randrange(1, 9))] for _ in range(draw.randrange(8))]
    return "\n".join(mark.join(row) for row in rows)


def content(draw, models=()):
    """The bytes of a file: a table in some encoding, a broken workbook, one of `models` with bytes changed, or noise."""
    chance = draw.random()
    if chance < 0.02:
        return draw.choice((b"Product,Tag\n", b"date,category,amount\n", b"")) + b'"' + b"x " * 100_000
    if models and chance < 0.5:
        made = bytearray(draw.choice(models))
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(made) or 1)
            made = made or bytearray(b"x")
            how = draw.randrange(4)
            if how == 0:
                made[at] = draw.randrange(256)
            elif how == 1:
                del made[at : at + draw.randrange(60)]
            elif how == 2:
                made[at:at] = text(draw)[:200].encode()
            else:
                made[at:at] = made[draw.randrange(len(made)) :][:100]
        return bytes(made)
    if chance < 0.85:
        return table(draw).encode(
            draw.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7"))
        )
    if chance < 0.93:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for name in draw.sample(
                (
                    "[Content_Types].xml",
                    "xl/workbook.xml",
                    "xl/worksheets/sheet1.xml",
                    "a.xlsx",
                    "../a.xlsx",
                    "_rels/.rels",
                ),
                3,
            ):
                archive.writestr(name, table(draw))
        return made.getvalue()
    return draw.randbytes(draw.randrange(400))


def upload(draw):
    ending = draw.choice(("csv", "xlsx", "xls", "txt", "zip", "pdf", ""))
    odd = (f"a.{ending}", f"முருகன்.{ending}", f"../../x.{ending}", "a\x00.csv", "a" * 300 + ".csv", '"; x=.csv')
    return SimpleUploadedFile(draw.choice(odd), content(draw), draw.choice(("text/csv", "image/png", "")))


def named(name, made):
    return SimpleUploadedFile(name, made)


def zipped(files):
    """A zip of those workbooks."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, one in enumerate(files):
            archive.writestr(f"tracker_{number}.xlsx", one)
    return made.getvalue()
