"""Every address of Lendbook."""

from django.contrib import admin
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import include, path, reverse_lazy

from lendbook import desk, health, home, search, setup

urlpatterns = [
    path("", setup.front, name="front"),
    path("set-up/", setup.set_up, name="set_up"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("open-book/", desk.open_book, name="open_book"),
    path("books/<slug:slug>/", home.home, name="home"),
    path("books/<slug:slug>/search/", search.search, name="search"),
    path("books/<slug:slug>/settings/", desk.settings, name="settings"),
    path("books/<slug:slug>/", include("ledger.urls")),
    path("books/<slug:slug>/", include("trackers.urls")),
    path("books/<slug:slug>/expenses/", include("expenses.urls")),
    path(
        "set-password/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(
            template_name="registration/set_password.html", success_url=reverse_lazy("admin:login")
        ),
        name="set_password",
    ),
    path("admin/", admin.site.urls),
]
