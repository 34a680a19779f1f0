"""What should be bought, by which rule, and why."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from purchasing.models.orders import PurchaseOrderLine
from purchasing.models.suppliers import Supplier, SupplierProduct
from retail.common.fields import (
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.history import keep_history
from retail.common.status import guard_status


@keep_history()
class ReplenishmentRule(models.Model):
    """
    How much of an article a location should have; without an article, of every one there.

    MIN_MAX orders up to `maximum_units` when no more than `minimum_units` are there or coming.
    DEMAND works both out: what sells in lead time and `cover_days`, and a safety stock for
    `service_level` percent of the cycles without a shortage.
    """

    class Method(models.TextChoices):
        MIN_MAX = "MIN_MAX", "Between a minimum and a maximum"
        DEMAND = "DEMAND", "By what sells"

    location = models.ForeignKey(
        "inventory.Location", on_delete=models.CASCADE, related_name="replenishment_rules"
    )
    variant = models.ForeignKey(
        "catalog.Variant",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="replenishment_rules",
        help_text="Empty: every article without a rule of its own.",
    )
    supplier = models.ForeignKey(
        Supplier,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the one of the lowest rank, then of the lowest price.",
    )
    method = models.CharField(max_length=20, choices=Method, default=Method.DEMAND)
    minimum_units = models.IntegerField(null=True, blank=True)
    maximum_units = models.IntegerField(null=True, blank=True)
    demand_days = models.IntegerField(default=90, help_text="Days of sales that are looked at.")
    cover_days = models.IntegerField(
        default=14, help_text="Days that an order lasts beyond the supplier's lead time."
    )
    service_level = models.DecimalField(
        max_digits=4,
        decimal_places=1,
        default=95,
        help_text="Percent of the cycles that end without a shortage.",
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["location", "variant"],
                nulls_distinct=False,
                name="purchasing_replenishmentrule_one_per_place_and_article",
                violation_error_message="There is a rule for it already.",
            ),
            models.CheckConstraint(
                condition=Q(method="DEMAND", minimum_units__isnull=True, maximum_units__isnull=True)
                | Q(
                    not_negative("minimum_units", "maximum_units"),
                    method="MIN_MAX",
                    minimum_units__isnull=False,
                    maximum_units__isnull=False,
                    maximum_units__gte=F("minimum_units"),
                ),
                name="purchasing_replenishmentrule_limits_fit_the_method",
                violation_error_message="A minimum and a maximum, not below it, belong to"
                " Between a minimum and a maximum, and only there.",
            ),
            models.CheckConstraint(
                condition=within("demand_days", 7, 1000)
                & within("cover_days", 1, 1000)
                & within("service_level", 50, 100),
                name="purchasing_replenishmentrule_terms_in_range",
                violation_error_message="Look at 7 to 999 days, cover 1 to 999, serve 50 to 99.9"
                " percent.",
            ),
        ]

    def __str__(self) -> str:
        return self.get_method_display()


class ReplenishmentRun(models.Model):
    """One look over all articles with a rule: what it proposed and what it could not work out."""

    key = models.CharField(max_length=100, unique=True, help_text="Of the act; the same one once.")
    location = models.ForeignKey(
        "inventory.Location",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: every one.",
    )
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    considered = models.IntegerField(default=0, help_text="Articles looked at, per location.")
    proposed = models.IntegerField(default=0, help_text="New proposals.")
    renewed = models.IntegerField(default=0, help_text="Open proposals brought up to date.")
    withdrawn = models.IntegerField(default=0, help_text="Open proposals no longer needed.")

    class Meta:
        permissions: ClassVar = [("start_replenishmentrun", "Can work out what to buy")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=not_negative("considered", "proposed", "renewed", "withdrawn"),
                name="purchasing_replenishmentrun_counts_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class ReplenishmentFault(models.Model):
    """An article that a run could not work out, and why; the others were."""

    run = models.ForeignKey(ReplenishmentRun, on_delete=models.CASCADE, related_name="faults")
    variant = models.ForeignKey("catalog.Variant", on_delete=models.CASCADE, related_name="+")
    location = models.ForeignKey("inventory.Location", on_delete=models.CASCADE, related_name="+")
    code = models.CharField(max_length=50)
    text = models.CharField(max_length=500)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "variant", "location"],
                name="purchasing_replenishmentfault_once_per_article",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class ReplenishmentProposalQuerySet(models.QuerySet["ReplenishmentProposal"]):
    def for_update(self) -> ReplenishmentProposalQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)

    def open(self) -> ReplenishmentProposalQuerySet:
        """Keep those that nobody has decided about."""
        return self.filter(status=ReplenishmentProposal.Status.OPEN)


@guard_status
class ReplenishmentProposal(models.Model):
    """
    Units of one article that should be bought for one location, with everything it was worked out
    from.

    OPEN until it is ACCEPTED into a draft order, DISMISSED by a person (until a day, if named), or
    WITHDRAWN by a later run that finds no need. An open one is brought up to date by the next run,
    so there is never a second. `inputs` are the figures in plain values, `steps` tell in sentences
    how they lead to `units`.
    """

    class Status(models.TextChoices):
        OPEN = "OPEN", "To decide"
        ACCEPTED = "ACCEPTED", "Accepted"
        DISMISSED = "DISMISSED", "Dismissed"
        WITHDRAWN = "WITHDRAWN", "No longer needed"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "OPEN": frozenset({"ACCEPTED", "DISMISSED", "WITHDRAWN"}),
        "ACCEPTED": frozenset(),
        "DISMISSED": frozenset(),
        "WITHDRAWN": frozenset(),
    }

    run = models.ForeignKey(
        ReplenishmentRun,
        on_delete=models.PROTECT,
        related_name="proposals",
        help_text="The run that last worked it out.",
    )
    variant = models.ForeignKey("catalog.Variant", on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey("inventory.Location", on_delete=models.PROTECT, related_name="+")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="proposals")
    supplier_product = models.ForeignKey(
        SupplierProduct, on_delete=models.PROTECT, related_name="proposals"
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    units = models.IntegerField(help_text="To order, after rounding.")
    unit_cost = MoneyField(help_text="The supplier's price for that many.")
    currency = CurrencyField()
    position = models.IntegerField(
        help_text="On hand and coming, less what is promised and waited for."
    )
    reorder_point = models.IntegerField(help_text="At or below it something is ordered.")
    target = models.IntegerField(help_text="Up to which is ordered, before rounding.")
    inputs = models.JSONField(default=dict)
    steps = models.JSONField(default=list)
    order_line = models.ForeignKey(
        PurchaseOrderLine,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="proposals",
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=200, blank=True)
    dismissed_until = models.DateField(
        null=True, blank=True, help_text="First day on which it may be proposed again."
    )

    objects = ReplenishmentProposalQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("decide_replenishmentproposal", "Can accept or dismiss what should be bought"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["variant", "location"],
                condition=Q(status="OPEN"),
                name="purchasing_replenishmentproposal_one_open",
                violation_error_message="This article is proposed already.",
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS)
                & within("position", -MAX_UNITS, MAX_UNITS)
                & not_negative("reorder_point", "target")
                & amount_not_negative("unit_cost"),
                name="purchasing_replenishmentproposal_figures_in_range",
            ),
            models.CheckConstraint(
                condition=Q(status="OPEN", decided_at__isnull=True, decided_by__isnull=True)
                | (~Q(status="OPEN") & Q(decided_at__isnull=False)),
                name="purchasing_replenishmentproposal_decided_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(dismissed_until__isnull=True) | Q(status="DISMISSED"),
                name="purchasing_replenishmentproposal_only_dismissed_for_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} units"
