"""Books, their people and what keeps them running get a room of their own. Their tables stay as they are: only Django's
knowledge of who owns them changes."""

import django.db.models.deletion
import django.utils.timezone
import simple_history.models
from django.conf import settings
from django.db import migrations, models

import shop.models.books


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("ledger", "0017_merges"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Book",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "slug",
                            models.SlugField(
                                error_messages={"unique": "A book with this short name is there already."}, unique=True
                            ),
                        ),
                        ("name", models.CharField(max_length=120)),
                        (
                            "time_zone",
                            models.CharField(
                                default="Asia/Kolkata", max_length=64, validators=[shop.models.books.check_time_zone]
                            ),
                        ),
                        (
                            "begins_on",
                            models.DateField(
                                blank=True,
                                help_text="Openings are as of the morning of this day; earlier entries are refused.",
                                null=True,
                            ),
                        ),
                        ("closed_through", models.DateField(blank=True, editable=False, null=True)),
                        ("is_demo", models.BooleanField(default=False, editable=False)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        "db_table": "ledger_book",
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="Heartbeat",
                    fields=[
                        ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                        ("beat_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ],
                    options={
                        "db_table": "ledger_heartbeat",
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="Tries",
                    fields=[
                        ("key", models.CharField(max_length=80, primary_key=True, serialize=False)),
                        ("count", models.PositiveIntegerField(default=0)),
                        ("until", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "ledger_tries",
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="HistoricalBook",
                    fields=[
                        ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                        (
                            "slug",
                            models.SlugField(
                                error_messages={"unique": "A book with this short name is there already."}
                            ),
                        ),
                        ("name", models.CharField(max_length=120)),
                        (
                            "time_zone",
                            models.CharField(
                                default="Asia/Kolkata", max_length=64, validators=[shop.models.books.check_time_zone]
                            ),
                        ),
                        (
                            "begins_on",
                            models.DateField(
                                blank=True,
                                help_text="Openings are as of the morning of this day; earlier entries are refused.",
                                null=True,
                            ),
                        ),
                        ("closed_through", models.DateField(blank=True, editable=False, null=True)),
                        ("is_demo", models.BooleanField(default=False, editable=False)),
                        ("created_at", models.DateTimeField(blank=True, editable=False)),
                        ("history_id", models.AutoField(primary_key=True, serialize=False)),
                        ("history_date", models.DateTimeField(db_index=True)),
                        ("history_change_reason", models.CharField(max_length=100, null=True)),
                        (
                            "history_type",
                            models.CharField(
                                choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1
                            ),
                        ),
                        (
                            "history_user",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "historical book",
                        "verbose_name_plural": "historical books",
                        "db_table": "ledger_historicalbook",
                        "ordering": ("-history_date", "-history_id"),
                        "get_latest_by": ("history_date", "history_id"),
                    },
                    bases=(simple_history.models.HistoricalChanges, models.Model),
                ),
                migrations.CreateModel(
                    name="HistoricalBookMember",
                    fields=[
                        ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                        (
                            "role",
                            models.CharField(
                                choices=[
                                    ("owner", "Owner"),
                                    ("staff", "Staff"),
                                    ("agent", "Agent"),
                                    ("auditor", "Auditor"),
                                ],
                                max_length=10,
                            ),
                        ),
                        (
                            "made_login",
                            models.BooleanField(
                                default=False,
                                editable=False,
                                help_text="The login was made for this book; its owner may reset the password.",
                            ),
                        ),
                        ("history_id", models.AutoField(primary_key=True, serialize=False)),
                        ("history_date", models.DateTimeField(db_index=True)),
                        ("history_change_reason", models.CharField(max_length=100, null=True)),
                        (
                            "history_type",
                            models.CharField(
                                choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1
                            ),
                        ),
                        (
                            "book",
                            models.ForeignKey(
                                blank=True,
                                db_constraint=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="shop.book",
                            ),
                        ),
                        (
                            "history_user",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                blank=True,
                                db_constraint=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "historical person",
                        "verbose_name_plural": "historical people",
                        "db_table": "ledger_historicalbookmember",
                        "ordering": ("-history_date", "-history_id"),
                        "get_latest_by": ("history_date", "history_id"),
                    },
                    bases=(simple_history.models.HistoricalChanges, models.Model),
                ),
                migrations.CreateModel(
                    name="Job",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("kind", models.CharField(max_length=40)),
                        ("title", models.CharField(max_length=200)),
                        (
                            "step",
                            models.CharField(
                                blank=True,
                                default="",
                                help_text="The step that waits, runs, or was done last.",
                                max_length=20,
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting"),
                                    ("running", "Running"),
                                    ("asks", "Asks you"),
                                    ("done", "Done"),
                                    ("failed", "Failed"),
                                    ("cancelled", "Cancelled"),
                                    ("undone", "Undone"),
                                ],
                                default="waiting",
                                max_length=10,
                            ),
                        ),
                        ("done", models.PositiveIntegerField(default=0)),
                        ("total", models.PositiveIntegerField(default=0)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("cancel_requested", models.BooleanField(default=False)),
                        ("parameters", models.JSONField(default=dict)),
                        ("result", models.JSONField(default=dict)),
                        ("error", models.TextField(blank=True)),
                        (
                            "file_name",
                            models.CharField(
                                blank=True, help_text="As the person named it; never a path.", max_length=200
                            ),
                        ),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("started_at", models.DateTimeField(null=True)),
                        ("seen_alive_at", models.DateTimeField(null=True)),
                        ("finished_at", models.DateTimeField(null=True)),
                        (
                            "book",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="jobs", to="shop.book"
                            ),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "ledger_job",
                        "ordering": ["-id"],
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="BookMember",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "role",
                            models.CharField(
                                choices=[
                                    ("owner", "Owner"),
                                    ("staff", "Staff"),
                                    ("agent", "Agent"),
                                    ("auditor", "Auditor"),
                                ],
                                max_length=10,
                            ),
                        ),
                        (
                            "made_login",
                            models.BooleanField(
                                default=False,
                                editable=False,
                                help_text="The login was made for this book; its owner may reset the password.",
                            ),
                        ),
                        (
                            "book",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="members",
                                to="shop.book",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="book_members",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "person",
                        "verbose_name_plural": "people",
                        "db_table": "ledger_bookmember",
                        "ordering": ["user__username"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("book", "user"),
                                name="book_member_once",
                                violation_error_message="This person works in the book already; change the role instead.",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Fault",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("key", models.CharField(max_length=250)),
                        ("kind", models.CharField(max_length=40)),
                        ("text", models.TextField()),
                        ("remedy", models.CharField(max_length=400)),
                        (
                            "freezes",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "Nothing"),
                                    ("days", "Days"),
                                    ("tracker", "Tracker"),
                                    ("statement", "Statement"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("ref", models.CharField(blank=True, max_length=40)),
                        ("first_date", models.DateField(null=True)),
                        ("last_date", models.DateField(null=True)),
                        ("found_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "seen_at",
                            models.DateTimeField(
                                default=django.utils.timezone.now, help_text="When it was found last."
                            ),
                        ),
                        ("mended_at", models.DateTimeField(null=True)),
                        ("lifted_at", models.DateTimeField(null=True)),
                        ("lift_reason", models.CharField(blank=True, max_length=500)),
                        (
                            "book",
                            models.ForeignKey(
                                help_text="Empty for a file that belongs to no book.",
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="shop.book",
                            ),
                        ),
                        (
                            "lifted_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "ledger_fault",
                        "ordering": ["id"],
                        "default_permissions": (),
                        "indexes": [
                            models.Index(
                                condition=models.Q(("lifted_at", None), ("mended_at", None)),
                                fields=["book", "freezes"],
                                name="fault_freezing",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("mended_at", None)), fields=("key",), name="fault_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("freezes", "days"), _negated=True),
                                    models.Q(("first_date__isnull", False), ("last_date__gte", models.F("first_date"))),
                                    _connector="OR",
                                ),
                                name="fault_freezes_named_days",
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
