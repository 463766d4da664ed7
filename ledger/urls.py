"""The staff pages of a book; mounted at books/<slug>/."""

app_name = "ledger"
urlpatterns = []
