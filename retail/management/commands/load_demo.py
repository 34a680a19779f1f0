"""Fill an empty database with the practice shop."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from channels.models import Channel
from retail.demo.shop import demo_password
from retail.demo.story import tell_story
from retail.management.practice import OPEN_ORDERS


class Command(BaseCommand):
    """Tell the practice shop's year; refuses a database that holds a shop already."""

    help = "Fill an empty database with a believable shop and a year of its trade."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.RETAIL_DEMO:
            raise CommandError("This is no demo: set RETAIL_DEMO=1, or use make demo.")
        if Channel.objects.exists():
            raise CommandError("The database holds a shop already; nothing was loaded.")
        # One transaction: whoever interrupts it finds an empty database, not half a year.
        with transaction.atomic():
            tell_story(
                password=demo_password(settings.DEMO_DIR),
                folder=settings.DEMO_DIR / "supplier-files",
                open_orders=settings.DEMO_DIR / OPEN_ORDERS,
                now=timezone.now(),
                progress=self._report,
            )

    def _report(self, step: str) -> None:
        self.stdout.write(f"  {step}")
        self.stdout.flush()
