"""The shop: the ground floor that every app stands on. It knows no other app."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        from shop.imports import wizard  # noqa: F401  (makes the kind of job known)
