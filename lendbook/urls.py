"""Every address of Lendbook."""

from django.contrib import admin
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import include, path, reverse_lazy
from django.views.generic import RedirectView

from lendbook import home

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="front"),
    path("books/<slug:slug>/", home.home, name="home"),
    path("books/<slug:slug>/", include("ledger.urls")),
    path(
        "set-password/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(
            template_name="registration/set_password.html", success_url=reverse_lazy("admin:login")
        ),
        name="set_password",
    ),
    path("admin/", admin.site.urls),
]
