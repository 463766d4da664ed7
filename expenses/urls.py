"""The expenses' pages of a book; mounted at books/<slug>/expenses/."""

from django.urls import path

from expenses.views import dashboard, knowledge, statements, transactions

app_name = "expenses"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("transactions/", transactions.transactions, name="transactions"),
    path("transactions/do/", transactions.act, name="act"),
    path("transactions/<int:pk>/", transactions.transaction, name="transaction"),
    path("statements/", statements.statements, name="statements"),
    path("statements/look/<str:token>/", statements.look, name="look"),
    path("statements/<int:pk>/undo/", statements.undo, name="undo_statement"),
    path("tags/", knowledge.tags, name="tags"),
    path("tags/new/", knowledge.tag, name="new_tag"),
    path("tags/<int:pk>/", knowledge.tag, name="tag"),
    path("rules/", knowledge.rules, name="rules"),
    path("rules/new/", knowledge.rule, name="new_rule"),
    path("rules/<int:pk>/", knowledge.rule, name="rule"),
    path("payees/", knowledge.payees, name="payees"),
    path("bank/<int:pk>/", dashboard.bank, name="bank"),
    path("credits/", dashboard.credits, name="credits"),
]
