"""Show a tracker: its terms, its figures and its days."""

from trackers import services
from trackers.management.base import TrackerCommand, add_tracker, find_tracker, parameters_of, summary_of


class Command(TrackerCommand):
    help = "Show a tracker as its workbook says."

    def add_options(self, parser):
        add_tracker(parser)

    def work(self, **options):
        tracker = find_tracker(options["tracker"])
        contents = services.contents_of(tracker)
        tracker.refresh_from_db()
        parameters, summary = parameters_of(tracker), summary_of(tracker, contents)
        rows = contents.rows()
        self.answer(
            {"parameters": parameters, "summary": summary, "rows": rows},
            *(f"{name.replace('_', ' ')}: {value}" for name, value in (parameters | summary).items()),
            *(f"{row['day']:>4} {row['date']:%d-%m-%Y} {row['paid']}" for row in rows if row["paid"] is not None),
        )
