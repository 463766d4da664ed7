"""Move files that belong to no row out of the way, without losing one."""

from expenses import soundness as expenses
from shop.management.base import LendbookCommand
from trackers import store, strays


class Command(LendbookCommand):
    help = (
        "Move files that no tracker and no upload claims into orphans/ of the instance's folder; none is deleted. A "
        "workbook that says what no tracker knows stays, unless --all is given."
    )

    def add_options(self, parser):
        parser.add_argument("--all", action="store_true", help="workbooks that hold what no tracker knows as well")

    def act(self, **options):
        left = {} if options["all"] else {one.path: one for one in strays.strays() if one.adopt}
        found = [one.path for one in strays.strays()] + [path for path, _ in expenses.strays()]
        moved = [str(store.move_to_orphans(path)) for path in found if path not in left]
        self.answer(
            {"moved": moved, "left": [str(path) for path in left]},
            *(f"Moved to {place}" for place in moved),
            *(f"Left where it is: {one.place}. {one.message} {one.adopt}" for one in left.values()),
            *([] if moved or left else ["No orphan."]),
        )
