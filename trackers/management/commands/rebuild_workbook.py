"""Build a tracker's workbook anew from what it says, or from its last kept version."""

from trackers import services
from trackers.management.base import TrackerCommand, add_tracker, find_tracker


class Command(TrackerCommand):
    help = "Build a workbook anew: from the file where it is sound, else from the newest kept version."

    def add_options(self, parser):
        add_tracker(parser)

    def work(self, **options):
        tracker, source = services.rebuild_workbook(find_tracker(options["tracker"]))
        document = {
            "filename": tracker.filename,
            "version": tracker.version,
            "sha256": tracker.sha256,
            "rebuilt_from": source,
        }
        self.answer(document, f"{tracker.filename} was built anew from {source}; it is version {tracker.version} now.")
