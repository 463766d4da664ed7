"""The trackers app: a living workbook for every customer."""

from django.apps import AppConfig


class TrackersConfig(AppConfig):
    name = "trackers"

    def ready(self):
        from trackers import access  # noqa: F401  (says who may see which customer and tracker)
