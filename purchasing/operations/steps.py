"""Writing down what happened to suppliers' documents: the timeline of the desk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from purchasing.models import InvoiceStep
from retail.common.models import User

Kind = InvoiceStep.Kind
LONGEST = 500


def note_step(
    invoice_id: int, kind: str, *, text: str = "", at: datetime, by: User | None
) -> InvoiceStep:
    """
    Write down that something happened to a supplier's document, in the act's transaction.

    text: what was done and why, for whoever reads the timeline; what is too long is cut.
    """
    [step] = note_steps([(invoice_id, text)], kind, at=at, by=by)
    return step


def note_steps(
    texts: Iterable[tuple[int, str]], kind: str, *, at: datetime, by: User | None
) -> list[InvoiceStep]:
    """Do the same for many documents at once; texts: pairs of invoice id and text."""
    return InvoiceStep.objects.bulk_create(
        [
            InvoiceStep(
                invoice_id=invoice_id, kind=kind, text=shortened(text), happened_at=at, done_by=by
            )
            for invoice_id, text in texts
        ],
        batch_size=2000,
    )


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return a text that fits a column, with a mark where it was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
