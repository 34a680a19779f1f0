"""Counting what is really there, while the shop goes on selling."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from retail.common.append_only import AppendOnlyModel
from retail.common.fields import MoneyField, amount_not_negative, not_negative
from retail.common.history import keep_history
from retail.common.numbering import document_number
from retail.common.status import guard_status


class StockCountQuerySet(models.QuerySet["StockCount"]):
    def for_update(self) -> StockCountQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)

    def open(self) -> StockCountQuerySet:
        """Keep those that are neither posted nor cancelled."""
        return self.filter(
            status__in=[StockCount.Status.COUNTING, StockCount.Status.AWAITING_APPROVAL]
        )


@guard_status
@keep_history()
class StockCount(models.Model):
    """
    A sheet of articles to be counted at one location.

    COUNTING while figures come in. Submitted, it is POSTED at once when it differs little, else
    AWAITING_APPROVAL by somebody who counted none of it, who posts it or sends lines back to be
    counted again. CANCELLED changes nothing. A blind sheet does not show what the system expects.
    """

    class Status(models.TextChoices):
        COUNTING = "COUNTING", "Counting"
        AWAITING_APPROVAL = "AWAITING_APPROVAL", "Awaiting approval"
        POSTED = "POSTED", "Posted"
        CANCELLED = "CANCELLED", "Cancelled"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.COUNTING: frozenset({Status.AWAITING_APPROVAL, Status.POSTED, Status.CANCELLED}),
        Status.AWAITING_APPROVAL: frozenset({Status.COUNTING, Status.POSTED, Status.CANCELLED}),
        Status.POSTED: frozenset(),
        Status.CANCELLED: frozenset(),
    }

    number = document_number("SC")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="counts"
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.COUNTING)
    key = models.CharField(max_length=64, unique=True, help_text="Made by whoever opened it.")
    is_blind = models.BooleanField(
        default=True, help_text="Whoever counts does not see what is expected."
    )
    selection = models.CharField(max_length=200, help_text="What was put on the sheet.")
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    units_limit = models.IntegerField(
        null=True, blank=True, help_text="The limit of units in force when it was submitted."
    )
    value_limit = MoneyField(
        null=True, blank=True, help_text="The limit of value in force when it was submitted."
    )
    units_off = models.IntegerField(
        null=True, blank=True, help_text="Units by which it differed, gains and losses added up."
    )
    value_off = MoneyField(null=True, blank=True, help_text="The same in book currency.")
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = StockCountQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("approve_stockcount", "Can approve counts above the limit"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=["POSTED", "CANCELLED"], closed_at__isnull=False)
                | Q(status__in=["COUNTING", "AWAITING_APPROVAL"], closed_at__isnull=True),
                name="inventory_stockcount_closed_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(
                    submitted_at__isnull=True,
                    units_limit__isnull=True,
                    value_limit__isnull=True,
                    units_off__isnull=True,
                    value_off__isnull=True,
                )
                | (
                    # A CHECK passes what it cannot tell: each figure says that it is there.
                    Q(
                        submitted_at__isnull=False,
                        units_limit__isnull=False,
                        value_limit__isnull=False,
                        units_off__isnull=False,
                        value_off__isnull=False,
                    )
                    & not_negative("units_limit", "units_off")
                    & amount_not_negative("value_limit", "value_off")
                ),
                name="inventory_stockcount_submitted_with_its_figures",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["AWAITING_APPROVAL", "POSTED"])
                | Q(submitted_at__isnull=False),
                name="inventory_stockcount_posted_was_submitted",
            ),
            models.CheckConstraint(
                condition=~Q(status="POSTED")
                | Q(approved_at__isnull=False)
                | (Q(units_off__lte=F("units_limit")) & Q(value_off__lte=F("value_limit"))),
                name="inventory_stockcount_above_the_limit_is_approved",
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, approved_by__isnull=True)
                | (
                    Q(approved_at__isnull=False, approved_by__isnull=False)
                    & (Q(submitted_by__isnull=True) | ~Q(approved_by=F("submitted_by")))
                ),
                name="inventory_stockcount_approved_by_another",
                violation_error_message="Nobody approves a count they submitted.",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class StockCountLine(models.Model):
    """
    One article on a sheet: the latest figure counted, and what the ledger said at that moment.

    `recounts` is how often it was sent back. `expected` is the ledger as of `counted_at`, worked
    out when the sheet is submitted and again when it is posted; `settled_at` is when the sheet
    was closed. Until then no other sheet may hold the same level.
    """

    class Reason(models.TextChoices):
        MISPLACED = "MISPLACED", "Lay elsewhere"
        DAMAGED = "DAMAGED", "Damaged"
        STOLEN = "STOLEN", "Stolen"
        NOT_BOOKED = "NOT_BOOKED", "Moved without being booked"
        UNKNOWN = "UNKNOWN", "Not known"

    count = models.ForeignKey(StockCount, on_delete=models.CASCADE, related_name="lines")
    level = models.ForeignKey(
        "inventory.StockLevel", on_delete=models.PROTECT, related_name="count_lines"
    )
    added_at = models.DateTimeField()
    recounts = models.IntegerField(default=0)
    counted = models.IntegerField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    counted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    expected = models.IntegerField(null=True, blank=True)
    reason = models.CharField(max_length=20, choices=Reason, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["count", "level"],
                name="inventory_stockcountline_article_once",
                violation_error_message="The sheet has this article already.",
            ),
            models.UniqueConstraint(
                fields=["level"],
                condition=Q(settled_at__isnull=True),
                name="inventory_stockcountline_on_one_open_sheet",
                violation_error_message="This article is on another open sheet.",
            ),
            models.CheckConstraint(
                condition=Q(counted__isnull=True, counted_at__isnull=True)
                | (
                    Q(counted__isnull=False, counted_at__isnull=False)
                    & Q(counted_at__gte=F("added_at"))
                    & not_negative("counted")
                ),
                name="inventory_stockcountline_counted_with_its_time",
                violation_error_message="Units are counted from zero, on a sheet that is open.",
            ),
            models.CheckConstraint(
                condition=not_negative("recounts"),
                name="inventory_stockcountline_recounts_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"count line {self.pk}"

    @property
    def variance(self) -> int | None:
        if self.counted is None or self.expected is None:
            return None
        return self.counted - self.expected


class StockCountEntry(AppendOnlyModel):
    """A figure somebody counted, kept also when the article is counted again."""

    line = models.ForeignKey(StockCountLine, on_delete=models.PROTECT, related_name="entries")
    round = models.IntegerField(help_text="0 for the first time, 1 for the first recount.")
    counted = models.IntegerField()
    counted_at = models.DateTimeField()
    counted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "stock count entries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["line", "round"], name="inventory_stockcountentry_once_per_round"
            ),
            models.CheckConstraint(
                condition=not_negative("counted", "round"),
                name="inventory_stockcountentry_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.counted} counted"


class CountRequest(models.Model):
    """
    A wish that somebody counts an article at a location, because it was not as the system said.

    Open until a count of it is posted.
    """

    level = models.ForeignKey(
        "inventory.StockLevel", on_delete=models.PROTECT, related_name="count_requests"
    )
    reason = models.CharField(max_length=200)
    requested_at = models.DateTimeField()
    requested_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["level"],
                condition=Q(settled_at__isnull=True),
                name="inventory_countrequest_one_open_per_level",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="inventory_countrequest_says_why"),
        ]

    def __str__(self) -> str:
        return f"count request {self.pk}"
