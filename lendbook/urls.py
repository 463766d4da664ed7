"""Every address of Lendbook."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from lendbook import home

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="front"),
    path("books/<slug:slug>/", home.home, name="home"),
    path("books/<slug:slug>/", include("ledger.urls")),
    path("admin/", admin.site.urls),
]
