"""What is written about the house holds: links lead somewhere, commands are told, decisions are numbered and dated."""

import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
PAGES = sorted([*HOUSE.glob("*.md"), *(HOUSE / "docs").glob("*.md"), HOUSE / "instances/README.md"])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors_of(page):
    """The anchors that headings of a page make: "Grafana and containers" -> grafana-and-containers."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_every_link_leads_somewhere(page):
    for link in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors_of(target), f"{page.name}: {link}"


def test_every_page_of_docs_is_reached_from_the_readme():
    readme = (HOUSE / "README.md").read_text()
    pages = {f"docs/{page.name}" for page in (HOUSE / "docs").glob("*.md")}
    assert {page for page in pages if f"({page})" not in readme} == set()


def test_the_readme_stays_short():
    assert len((HOUSE / "README.md").read_text().splitlines()) <= 150


def test_every_command_is_told():
    told = (HOUSE / "docs/commands.md").read_text()
    commands = {path.stem for path in HOUSE.glob("*/management/commands/*.py")} - {"__init__"}
    assert {name for name in commands if f"`{name}`" not in told} == set()


def test_decisions_are_numbered_and_dated():
    lines = (HOUSE / "docs/decisions.md").read_text().splitlines()
    told = [re.match(r"(\d+)\. \*(\d{4}-\d\d-\d\d)\.\*", line) for line in lines if re.match(r"\d+\.", line)]
    assert all(told)
    assert [int(match[1]) for match in told] == list(range(1, len(told) + 1))
    assert [match[2] for match in told] == sorted(match[2] for match in told)
