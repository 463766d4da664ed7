"""The expenses' pages of a book; mounted at books/<slug>/expenses/."""

from django.urls import path

from expenses.views import dashboard, knowledge, matching, rules, statements, to_day_book, transactions, work

app_name = "expenses"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("transactions/", transactions.transactions, name="transactions"),
    path("transactions/tag/", transactions.tag_many, name="tag_many"),
    path("transactions/post/", to_day_book.post, name="post"),
    path("transactions/unpost/", to_day_book.unpost, name="unpost"),
    path("transactions/undo/", transactions.undo, name="undo"),
    path("transactions/<int:pk>/correct/", transactions.correct, name="correct"),
    path("corrections/", transactions.corrections_made, name="corrections"),
    path("work/<int:pk>/", work.job, name="work"),
    path("payees/ask/", work.ask, name="ask"),
    path("payees/ask-at-imports/", work.ask_at_imports, name="ask_at_imports"),
    path("payees/judge/", work.judge, name="judge"),
    path("payees/learn/", work.learn, name="learn"),
    path("transactions/<int:pk>/", transactions.transaction, name="transaction"),
    path("statements/", statements.statements, name="statements"),
    path("statements/upload/<int:pk>/", statements.upload, name="upload"),
    path("statements/upload/<int:pk>/do/", statements.act, name="act_on_upload"),
    path("statements/upload/<int:pk>/rejected.csv", statements.rejected, name="rejected_upload"),
    path("statements/uploads/<str:batch>/", statements.batch, name="uploads"),
    path("statements/uploads/<str:batch>/do/", statements.act_on_batch, name="act_on_uploads"),
    path("statements/<int:pk>/rejected.csv", statements.rejected_of_statement, name="rejected_rows"),
    path("statements/<int:pk>/undo/", statements.undo, name="undo_statement"),
    path("tags/", knowledge.tags, name="tags"),
    path("tags/new/", knowledge.tag, name="new_tag"),
    path("tags/<int:pk>/", knowledge.tag, name="tag"),
    path("rules/", rules.rules, name="rules"),
    path("rules/move/", rules.move, name="move_rule"),
    path("rules/new/", rules.rule, name="new_rule"),
    path("rules/<int:pk>/", rules.rule, name="rule"),
    path("payees/", knowledge.payees, name="payees"),
    path("bank/<int:pk>/", matching.bank, name="bank"),
    path("credits/", matching.credits, name="credits"),
]
