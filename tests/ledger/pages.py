"""Addresses of the office's pages of the ledger's rows."""

from django.urls import reverse

LIST = "/admin/ledger/ledgerentry/"


def page_of(row, name="change"):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[row.pk])
