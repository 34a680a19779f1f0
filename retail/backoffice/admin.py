"""The schedule, which another package's admin shows in another look."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from retail.common.admin import BaseAdmin, ViewOnlyAdmin

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class ScheduleAdmin(BaseAdmin):
    """When scheduled work runs; which work there is stands in the program."""

    list_display = ("name", "enabled", "interval", "crontab", "last_run_at", "total_run_count")
    list_select_related = ("interval", "crontab", "solar", "clocked")
    list_filter = ("enabled",)
    search_fields = ("name", "task")
    fields = ("name", "task", "enabled", "interval", "crontab", "last_run_at", "total_run_count")
    readonly_fields = ("name", "task", "last_run_at", "total_run_count")
    ordering = ("name", "pk")

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
