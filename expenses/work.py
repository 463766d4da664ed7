"""The expenses' long work as jobs: posting many rows, asking the LLM about payees, learning from corrections."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import F, Sum
from django.utils import timezone

from expenses import services
from expenses.books import posting
from expenses.models import AskedPayee, ExpenseSettings, ProductTag, Transaction
from expenses.tagging import llm, placing, training
from shop import jobs
from shop.models import Job

POST, ASK, LEARN = "expenses_post", "expenses_ask", "expenses_learn"
LEARN_AFTER = 25  # rows settled by hand since the last training
REFUSED_SHOWN = 50
FAILED_IN_A_ROW = 2  # then the server is left alone until somebody asks again


# ------------------------------------------------------------------------------------------------ posting


def post_step(job, progress):
    """Post a job's rows, each for itself: what is posted stays so when the job is stopped; a second run goes on."""
    pks, done = job.parameters["rows"], posting.Posted()
    for number, pk in enumerate(pks):
        progress(number, len(pks))
        one = Transaction.objects.filter(book=job.book, pk=pk).first()
        if one is None:
            continue
        some = posting.post([one], user=job.created_by, adjust=job.parameters["adjust"])
        done.posted += some.posted
        done.known += some.known
        done.refused += some.refused
    words = f"{done.posted:,} posted to the day book" + (f", {done.known:,} were posted before" if done.known else "")
    words += f", {len(done.refused):,} not posted." if done.refused else "."
    told = [
        [f"{one.transaction_date:%d-%m-%Y} {one.product or one.narration[:40]} {one.amount}", why]
        for one, why in done.refused[:REFUSED_SHOWN]
    ]
    return Job.State.DONE, {"words": words, "refused": told}


# ------------------------------------------------------------------------------------------------ asking the LLM


def server():
    """Where to ask, or None without a key: then nothing of the LLM shows anywhere."""
    if not settings.OPENAI_API_KEY:
        return None
    return llm.Server(settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY, settings.OPENAI_MODEL)


def open_payees(book):
    """[llm.Payee] that nobody could place and the LLM was not asked about, the dearest first."""
    rows = Transaction.objects.filter(book=book, decided_by="tbd", debit_amount__isnull=False).exclude(product="")
    rows = rows.exclude(product__in=ProductTag.objects.filter(book=book).values("product"))
    rows = rows.exclude(product__in=AskedPayee.objects.filter(book=book).values("product"))
    found = rows.order_by().values_list("product", "upi_id").annotate(spent=Sum("debit_amount")).order_by("-spent")
    return list({product: llm.Payee(product, upi_id) for product, upi_id, _ in reversed(found)}.values())[::-1]


def take_call(book):
    """Take one call from the book's budget of today; False where none is left. Counted before the call, never twice."""
    mine, today = ExpenseSettings.objects.filter(book=book), book.today()
    mine.exclude(llm_calls_on=today).update(llm_calls=0, llm_calls_on=today)
    left = mine.filter(llm_calls_on=today, llm_calls__lt=settings.OPENAI_DAILY_CALLS)
    return bool(left.update(llm_calls=F("llm_calls") + 1))


def answers_of(book):
    """The LLM's answers that nobody has judged yet."""
    return ProductTag.objects.filter(book=book, source=ProductTag.Source.LLM)


def calls_left(book):
    """How many calls of today's budget are left."""
    mine = settings_of(book)
    used = mine.llm_calls if mine.llm_calls_on == book.today() else 0
    return max(settings.OPENAI_DAILY_CALLS - used, 0)


def settings_of(book):
    return ExpenseSettings.objects.get_or_create(book=book)[0]


def ask(book, *, user=None):
    """Queue a job that asks about the payees not placed; the one under way if there is one, None if nothing is to ask."""
    if server() is None:
        raise ValidationError("No key is set: give OPENAI_API_KEY in the environment first.")
    count = len(open_payees(book))
    return _queue(book, ASK, f"Ask about {count:,} payee{'s' if count != 1 else ''}", user, count) if count else None


def after_import(book, *, user=None):
    """What a book wants done after every import, in the background."""
    if server() is not None and settings_of(book).asks_llm:
        ask(book, user=user)


def _queue(book, kind, title, user, total=0):
    waiting = Job.objects.filter(book=book, kind=kind, state__in=[Job.State.WAITING, Job.State.RUNNING]).first()
    return waiting or jobs.create(book=book, kind=kind, title=title, step=kind, user=user, total=total)


def ask_step(job, progress):
    """Ask batch by batch and remember each batch's answers; a second run asks about what is still open.

    Whatever comes back, a payee without one of the book's tags for an answer stays as it was.
    """
    book, asked = job.book, server()
    if asked is None:
        raise ValidationError("No key is set: give OPENAI_API_KEY in the environment first.")
    settings_of(book)
    tags = {tag.name: tag for tag in placing.tags_of(book) if tag.is_active and tag.name != llm.TBD}
    payees, told, placed, withheld, failed, problems = open_payees(book), 0, 0, 0, 0, []
    for start in range(0, len(payees), asked.batch_size):
        progress(start, len(payees))
        batch = payees[start : start + asked.batch_size]
        answers = llm.ask(batch, list(tags), asked, take_call=lambda: take_call(book))
        told += len(answers.tags)
        withheld += len(answers.withheld)
        said = {product: tags[name] for product, name in answers.tags.items()}
        placed += services.remember_all(book, said, user=job.created_by, source=ProductTag.Source.LLM) if said else 0
        failed = failed + 1 if answers.problems else 0
        if not answers.problems:
            remember_asked(book, [payee.product for payee in batch if payee.product not in said])
        problems += [problem for problem in answers.problems if problem not in problems]
        if answers.gave_up or failed == FAILED_IN_A_ROW:
            break
    words = f"{told:,} of {len(payees):,} payees were told, {placed:,} rows placed."
    if withheld:
        words += f" {withheld:,} were not sent: people, or names that say nothing."
    return Job.State.DONE, {"words": words, "problems": problems, "to_confirm": told}


def remember_asked(book, products):
    """Keep that these payees were asked about, so that they are not asked about again."""
    AskedPayee.objects.bulk_create(
        [AskedPayee(book=book, product=product, asked_at=timezone.now()) for product in products],
        batch_size=300,
        ignore_conflicts=True,
    )


# ------------------------------------------------------------------------------------------------ learning


def learn(book, *, user=None):
    """Queue a training; the one under way if there is one."""
    return _queue(book, LEARN, "Learn from what was settled", user)


def learn_if_due(book):
    """Queue a training once enough rows were settled since the last one; two at the same moment queue one."""
    due = ExpenseSettings.objects.filter(book=book, unlearned__gte=LEARN_AFTER)
    if due.update(unlearned=0):
        learn(book)


def learn_step(job, progress):
    """Train and place the untouched rows anew. A second run learns the same."""
    progress(0, 1)
    ExpenseSettings.objects.filter(book=job.book).update(unlearned=0)
    done = training.train(job.book, user=job.created_by)
    return Job.State.DONE, {"words": f"Learned from {done['examples']:,} rows; {done['changed']:,} rows placed anew."}


for kind, step in ((POST, post_step), (ASK, ask_step), (LEARN, learn_step)):
    jobs.register(jobs.Kind(kind, {kind: step}, page="expenses:work"))
