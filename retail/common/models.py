"""People who sign in, and the record of what was imported and what ran on schedule."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q

from retail.common.fields import not_negative


class User(AbstractUser):
    """A person of the shop who signs in; what they may do comes from the groups they are in."""


class ImportRun(models.Model):
    """
    One file taken in: who brought it, how far it got, and what became of its lines.

    A run starts RUNNING and ends DONE or FAILED. In between it may be STAGED, until a person
    decides, and APPLYING while its lines are taken in a part at a time. The same bytes under the
    same profile are imported once: a second upload finds the first run.
    """

    class Status(models.TextChoices):
        RUNNING = "RUNNING", "Running"
        STAGED = "STAGED", "Waiting for a decision"
        APPLYING = "APPLYING", "Being applied"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"

    kind = models.CharField(
        max_length=50, help_text="What the file holds, sales or supplier_prices."
    )
    profile = models.CharField(max_length=100, help_text="How it is read: the profile's code.")
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64, help_text="Fingerprint of the bytes.")
    status = models.CharField(max_length=20, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    lines_read = models.IntegerField(default=0)
    lines_imported = models.IntegerField(default=0)
    lines_refused = models.IntegerField(default=0)
    lines_skipped = models.IntegerField(default=0, help_text="Already known, nothing to change.")
    report = models.JSONField(default=dict, blank=True, help_text="Figures of the closing report.")
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "profile", "sha256"],
                name="common_importrun_one_per_file",
                condition=~Q(status="FAILED"),
                violation_error_message="This file was already imported.",
            ),
            models.CheckConstraint(
                condition=not_negative(
                    "lines_read", "lines_imported", "lines_refused", "lines_skipped"
                ),
                name="common_importrun_lines_not_negative",
            ),
            models.CheckConstraint(
                condition=~Q(status="DONE")
                | Q(
                    lines_read=F("lines_imported") + F("lines_refused") + F("lines_skipped"),
                    finished_at__isnull=False,
                ),
                name="common_importrun_every_line_accounted_for",
                violation_error_message="Lines read must be imported, refused or skipped.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.profile})"


class ImportReject(models.Model):
    """A line of a file that was refused, kept as it came so that it can be corrected."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="rejects")
    line_number = models.IntegerField(help_text="Line of the file, the first being 1.")
    code = models.CharField(max_length=50)
    text = models.CharField(max_length=500)
    columns = models.JSONField(default=dict, help_text="Column name to text, as it came.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "line_number", "code"],
                name="common_importreject_once_per_line_and_code",
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.line_number}: {self.code}"


class TaskRun(models.Model):
    """
    One run of a scheduled task: when, how long, with what result.

    `slot` names the unit of work when a task must run once per moment or object; empty otherwise.
    """

    class Status(models.TextChoices):
        RUNNING = "RUNNING", "Running"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"

    name = models.CharField(max_length=100)
    slot = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    summary = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["name", "-started_at"], name="common_taskrun_recent")
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["name", "slot"],
                condition=~Q(slot=""),
                name="common_taskrun_one_per_slot",
            ),
            models.CheckConstraint(
                condition=Q(status="RUNNING") | Q(finished_at__isnull=False),
                name="common_taskrun_finished_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.started_at:%Y-%m-%d %H:%M}"
