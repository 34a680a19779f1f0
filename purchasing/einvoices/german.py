"""What XRechnung, the German use of EN 16931, asks for beyond it, as far as buyers feel it."""

from __future__ import annotations

from collections.abc import Iterator

from purchasing.einvoices.documents import RuleBreak

XRECHNUNG = "xrechnung"


def broken_rules(*, has_contact: bool, buyer_reference: str) -> Iterator[RuleBreak]:
    """Yield what a document that claims to be an XRechnung lacks. Source: XRechnung 3.0, 12.1."""
    if not has_contact:
        yield RuleBreak(
            rule="BR-DE-2",
            message="An XRechnung says whom to ask at the seller; this one does not.",
            is_fatal=False,
        )
    if not buyer_reference:
        yield RuleBreak(
            rule="BR-DE-15",
            message="An XRechnung carries the reference the buyer asked for; this one does not.",
            is_fatal=False,
        )
