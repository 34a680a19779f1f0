"""The schedule, which another package's admin shows in another look."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from retail.backoffice.ages import in_words
from retail.backoffice.queries import interval_of
from retail.common.admin import BaseAdmin, ViewOnlyAdmin

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class ScheduleAdmin(BaseAdmin):
    """When scheduled work runs; which work there is stands in the program."""

    list_display = ("name", "shown_enabled", "shown_schedule", "shown_last_run")
    list_select_related = ("interval", "crontab", "solar", "clocked")
    list_filter = ("enabled",)
    search_fields = ("name", "task")
    fields = ("name", "task", "enabled", "interval", "crontab", "last_run_at", "total_run_count")
    readonly_fields = ("name", "task", "last_run_at", "total_run_count")
    ordering = ("name", "pk")

    @admin.display(description="Switched on", boolean=True, ordering="enabled")
    def shown_enabled(self, task: PeriodicTask) -> bool:
        return bool(task.enabled)

    @admin.display(description="Runs")
    def shown_schedule(self, task: PeriodicTask) -> str:
        if every := interval_of(task):
            return f"every {in_words(every)}"
        clock = task.crontab
        is_daily = clock and clock.hour.isdecimal() and clock.minute.isdecimal()
        if is_daily and clock.day_of_week == "*":
            return f"daily at {clock.hour:0>2}:{clock.minute:0>2} {clock.timezone}"
        return str(task.schedule)

    @admin.display(description="Last sent", ordering="last_run_at")
    def shown_last_run(self, task: PeriodicTask) -> datetime | None:
        moment: datetime | None = task.last_run_at
        return moment

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False


@admin.register(IntervalSchedule)
class IntervalAdmin(BaseAdmin):
    """Every so many seconds, minutes, hours or days."""

    list_display = ("every", "period")


@admin.register(CrontabSchedule)
class ClockAdmin(BaseAdmin):
    """At a time of the day."""

    list_display = ("hour", "minute", "day_of_week", "timezone")


admin.site.register(ClockedSchedule, ViewOnlyAdmin)
admin.site.register(SolarSchedule, ViewOnlyAdmin)
