"""Days kept from before a book begins: they carried its openings, which stand from its first day on."""

from django.db import migrations

FORGET = """
DELETE FROM ledger_daybook
WHERE date < (SELECT begins_on FROM ledger_book WHERE ledger_book.id = ledger_daybook.book_id)
  AND NOT EXISTS (SELECT 1 FROM ledger_daybookdetail d WHERE d.day_book_id = ledger_daybook.id)
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0015_voucher_numbers")]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
