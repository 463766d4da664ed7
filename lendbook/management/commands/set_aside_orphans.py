"""Move files that belong to no row out of the way, without losing one."""

import os
from pathlib import Path

from django.conf import settings

from expenses import checks as expenses
from ledger.management.base import LedgerCommand
from trackers import checks as trackers


class Command(LedgerCommand):
    help = "Move files that no tracker and no upload claims into orphans/ of the instance's folder; none is deleted."

    def act(self, **options):
        moved = []
        for path, _ in [*trackers.strays(), *expenses.strays()]:
            folder = Path(settings.DATA_DIR, "orphans", path.parent.name)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            place, number = folder / path.name, 1
            while place.exists():
                number += 1
                place = folder / f"{path.stem}-{number}{path.suffix}"
            os.rename(path, place)
            moved.append(str(place))
        self.answer({"moved": moved}, *(f"Moved to {place}" for place in moved), *([] if moved else ["No orphan."]))
