"""What can be decided about a difference, and what comes of each, in the words of the desk."""

from __future__ import annotations

from collections.abc import Mapping

from purchasing.models import MatchException

Status = MatchException.Status

DECISIONS: tuple[tuple[str, str], ...] = (
    (Status.ACCEPTED, "Accept: pay it"),
    (Status.CREDIT_ASKED, "Ask for a credit note"),
    (Status.ORDER_WRONG, "Correct the order"),
    (Status.RECEIPT_WRONG, "Correct the receipt"),
    (Status.DISPUTED, "Dispute it with the supplier"),
)
CONSEQUENCES: Mapping[str, str] = {
    Status.ACCEPTED: "Accept: it is paid as billed, up to the amount your role may accept.",
    Status.CREDIT_ASKED: (
        "Ask for a credit note: payment waits until one that makes up for it was matched."
    ),
    Status.ORDER_WRONG: (
        "Correct the order: payment waits until the order was amended and agrees. An order that"
        " was closed may be amended for it."
    ),
    Status.RECEIPT_WRONG: (
        "Correct the receipt: payment waits until what is missing was received, or a wrong receipt"
        " was reversed, and it agrees."
    ),
    Status.DISPUTED: "Dispute: payment waits until a credit note makes up for it.",
}
