"""Why an order is served from where it is, as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orders.models import RoutingDecision, RoutingRule
from orders.routing import Kind, LeftOut

WHY_LEFT_OUT: Mapping[str, str] = {
    LeftOut.NOT_SHIPPING: "does not send orders",
    LeftOut.COLLECTED_ELSEWHERE: "is not where it is collected",
    LeftOut.AT_CAPACITY: "had enough orders for the day",
    LeftOut.REJECTED: "has rejected it before",
    LeftOut.TOO_MANY_PLACES: "would have been one place too many",
    LeftOut.NOTHING_WHOLE: "had not all of a single piece",
}


def chosen_words(decision: RoutingDecision) -> str:
    """Return how many pieces come from where, and how many from nowhere."""
    parts = [
        f"{_pieces(sum(pieces.values()))} from {place}" for place, pieces in decision.chosen.items()
    ]
    if decision.missing:
        parts.append(f"{_pieces(decision.missing)} from nowhere")
    return ", ".join(parts) or "nothing"


def reason_words(decision: RoutingDecision) -> str:
    """Return which rule told the choice from the next best."""
    if not decision.chosen:
        return "No place could serve a whole piece."
    if decision.decided_by_rule:
        return f"By the rule {rule_words(decision.decided_by_rule)}."
    asked = [look for look in decision.candidates if not look.get("left_out")]
    if len(asked) == 1:
        return "No other place came into question."
    return "No rule told the places apart: the fewest, then the place's own priority."


def candidate_words(look: Mapping[str, Any]) -> str:
    """Return what was seen of one place."""
    if left_out := look.get("left_out"):
        return f"{look['place']} {WHY_LEFT_OUT.get(left_out, left_out.lower())}"
    by_itself = f"{_pieces(look['pieces'])} by itself"
    figures = (_figure(name, figure) for name, figure in look.get("figures", {}).items())
    return f"{look['place']}: {', '.join([by_itself, *filter(None, figures)])}"


def rule_words(name: str) -> str:
    """Return the name of a rule in words: its rank, what it looks at, and which place."""
    rank, kind, *place = name.split()
    label = RoutingRule.Kind(kind).label if kind in RoutingRule.Kind.values else kind
    return " ".join([f"{rank}: {label.lower()}", *place])


def _figure(name: str, figure: int | None) -> str:
    kind = name.split()[1]
    if figure is None:
        return f"{rule_words(name)} unknown"
    words = {
        Kind.PREFERRED: "preferred" if figure else "not preferred",
        Kind.SAME_COUNTRY: "abroad" if figure else "in the same country",
        Kind.NEAREST: f"{figure} km away",
        Kind.KEEP_FLOOR: "below its floor then" if figure else "above its floor still",
        Kind.LONGEST_COVER: f"{figure} units left then",
        Kind.LOCATION_PRIORITY: f"priority {figure}",
        # Of a place by itself it says nothing.
        Kind.FEWEST_PLACES: "",
    }
    return words.get(Kind(kind), "") if kind in set(Kind) else ""


def _pieces(count: int) -> str:
    return "1 piece" if count == 1 else f"{count} pieces"
