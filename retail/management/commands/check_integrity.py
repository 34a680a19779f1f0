"""Prove stored totals from the ledgers."""

from typing import Any

from django.core.management.base import BaseCommand

from retail.backoffice.integrity import all_differences


class Command(BaseCommand):
    """Report and repair nothing: a difference is an incident, put right by a person's act."""

    help = "Compare every stored total with its ledger; exit with 1 when any differs."

    def handle(self, *args: Any, **options: Any) -> None:
        found = all_differences()
        for difference in found:
            self.stdout.write(str(difference))
        if found:
            self.stderr.write(f"{len(found)} totals differ from their ledgers.")
            raise SystemExit(1)
        self.stdout.write("Levels, promises, cost, orders and matches agree with their ledgers.")
