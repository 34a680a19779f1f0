"""Create the scheduled tasks that a new installation begins with."""

from datetime import time
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from retail.celery import DEFAULT_SCHEDULE, ScheduledTask


class Command(BaseCommand):
    """Fill in what is missing; a schedule that a manager changed or switched off stays so."""

    help = "Create the scheduled tasks that are missing; leaves the existing ones alone."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        created = 0
        for scheduled in DEFAULT_SCHEDULE:
            _, is_new = PeriodicTask.objects.get_or_create(
                name=scheduled.name,
                defaults={"task": scheduled.task, **_schedule_row(scheduled)},
            )
            created += is_new
        if options["verbosity"]:
            self.stdout.write(f"{created} of {len(DEFAULT_SCHEDULE)} scheduled tasks created.")


def _schedule_row(scheduled: ScheduledTask) -> dict[str, Any]:
    """Return the column and row that say when; equal schedules share one row."""
    if isinstance(scheduled.when, time):
        clock, _ = CrontabSchedule.objects.get_or_create(
            minute=scheduled.when.minute,
            hour=scheduled.when.hour,
            day_of_week=scheduled.days,
            timezone="UTC",
        )
        return {"crontab": clock}
    interval, _ = IntervalSchedule.objects.get_or_create(
        every=int(scheduled.when.total_seconds()), period=IntervalSchedule.SECONDS
    )
    return {"interval": interval}
