"""Run in a process of its own on an instance that is being restored: migrate it forward, then look at all of it.

Prints one JSON document: {"migrated": ["ledger 0003_…"], "faults": ["sentence", …]}.
"""

import json
import sys

import django


def look():
    """Migrate, then all that `verify` finds, as the document."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from lendbook import verifying

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    call_command("migrate", verbosity=0)
    report = verifying.verify()
    faults = [f"{fault.book or 'All books'}: {fault.text} Mend: {fault.remedy}" for fault in report.faults]
    return {"migrated": [f"{one.app_label} {one.name}" for one, _ in plan], "faults": faults + list(report.unchecked)}


if __name__ == "__main__":
    django.setup()
    json.dump(look(), sys.stdout)
