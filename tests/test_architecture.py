"""The house's rules about who may know whom, read from the source itself (`ast`), so that no import breaks them unseen."""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
APPS = ("shop", "ledger", "trackers", "expenses")
PURE = [
    *sorted((HOUSE / "shop/xlsx").glob("*.py")),
    *sorted((HOUSE / "trackers/workbook").glob("*.py")),
    HOUSE / "ledger/payment_modes.py",
    HOUSE / "trackers/schedule.py",
    HOUSE / "trackers/seals.py",
    *sorted((HOUSE / "expenses/statements").glob("*.py")),
    HOUSE / "expenses/tagging/narration.py",
]
# The rows from which days are computed, the fields that move them, and the only rooms that write them in bulk.
COUNTED_MODELS = {"LedgerEntry", "AccountTransfer", "Account", "Category", "DayBook", "DayBookDetail", "AccountDay"}
COUNTED_FIELDS = {"amount", "opening_balance", "closing_balance", "direction", "deleted_at", "reversed_at"}
ENGINE = {"ledger/daybook.py", "ledger/services/bulk.py"}


def sources(*folders):
    """The project's modules of these folders, migrations left out."""
    return [
        path
        for folder in folders
        for path in sorted((HOUSE / folder).rglob("*.py"))
        if "migrations" not in path.relative_to(HOUSE).parts
    ]


def name_of(path):
    return str(path.relative_to(HOUSE))


def imports_of(path):
    """[(module, imported name or None)] of everything a module imports, wherever in it; relative ones resolved."""
    package = path.relative_to(HOUSE).with_suffix("").parts[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            found += [(base + (node.module or ""), alias.name) for alias in node.names]
    return found


def rooms_of(path):
    """Dotted names of what a module imports, e.g. "ledger.services" for `from ledger import services`."""
    return {module if name is None else f"{module}.{name}" for module, name in imports_of(path)}


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_a_pure_module_imports_no_django(path):
    apps = {f"{app}.models" for app in APPS}
    for room in rooms_of(path):
        assert not room.startswith(("django", "lendbook", *apps)), f"{name_of(path)} imports {room}"


# What an app may know of the house beside itself: what lies below it.
KNOWS = {
    "shop": set(),
    "ledger": {"shop"},
    "trackers": {"shop", "ledger"},
    "expenses": {"shop", "ledger"},
}


@pytest.mark.parametrize("app", APPS)
def test_an_app_knows_only_what_lies_below_it(app):
    house = {*APPS, "lendbook"}
    for path in sources(app):
        for room in rooms_of(path):
            root = room.split(".")[0]
            assert root not in house - KNOWS[app] - {app}, f"{name_of(path)} imports {room}"


def test_no_app_reaches_into_another_ones_private_names():
    for app in APPS:
        for path in sources(app):
            for module, name in imports_of(path):
                private = (name or "").startswith("_") and not (name or "").startswith("__")
                foreign = module.split(".")[0] in APPS and module.split(".")[0] != app
                assert not (private and foreign), f"{name_of(path)} imports {module}.{name}"


def test_the_ledger_speaks_of_paise_in_its_engine_alone():
    rooms = {"shop/money.py", "shop/money_fields.py", "ledger/daybook.py", "ledger/days.py", "ledger/soundness.py"}
    for path in sources("lendbook", "shop", "ledger"):
        if name_of(path) not in rooms:
            for module, name in imports_of(path):
                assert (module, name) not in {
                    ("shop.money", "to_paise"),
                    ("shop.money", "from_paise"),
                }, f"{name_of(path)} imports {name}"


def root_of(node):
    """The name at the head of a chain of attributes and calls: LedgerEntry of LedgerEntry.objects.filter(…).update."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def writes_in_bulk(tree):
    """The lines of a module that write counted rows past their signals."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in ("bulk_create", "bulk_update") and root_of(node.func) in COUNTED_MODELS:
            yield node.lineno
        elif node.func.attr == "update":
            fields = {keyword.arg for keyword in node.keywords}
            if root_of(node.func) in COUNTED_MODELS or fields & COUNTED_FIELDS:
                yield node.lineno


def test_nobody_writes_counted_rows_past_the_signals_but_the_engine():
    """queryset.update() and bulk writes send no signals: the day book would never hear of them."""
    for path in sources("lendbook", *APPS):
        if name_of(path) not in ENGINE:
            lines = list(writes_in_bulk(ast.parse(path.read_text())))
            assert not lines, f"{name_of(path)}, line {lines}: use ledger.services"


@pytest.mark.parametrize(
    "code",
    [
        "LedgerEntry.objects.filter(pk=1).update(narration='')",
        "live.update(deleted_at=None)",
        "Account.objects.bulk_update(rows, ['name'])",
        "LedgerEntry.objects.bulk_create(rows)",
    ],
)
def test_the_search_for_bulk_writes_finds_them(code):
    assert list(writes_in_bulk(ast.parse(code))) == [1]
