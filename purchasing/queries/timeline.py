"""What happened to a supplier's document, from its capture to its payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from purchasing.models import InvoiceStep


@dataclass(frozen=True)
class TimelineStep:
    """One step; done_by is empty where the program did it by itself."""

    kind: str
    label: str
    text: str
    happened_at: datetime
    done_by: str


def invoice_timeline(invoice_id: int) -> list[TimelineStep]:
    """Return the steps of one document, the newest last."""
    steps = InvoiceStep.objects.filter(invoice=invoice_id).select_related("done_by").order_by("pk")
    return [
        TimelineStep(
            kind=step.kind,
            label=step.get_kind_display(),
            text=step.text,
            happened_at=step.happened_at,
            done_by=(step.done_by.get_full_name() or step.done_by.username) if step.done_by else "",
        )
        for step in steps
    ]
