"""Which act of an order stands first."""

from __future__ import annotations

from collections.abc import Iterable

from retail.common.admin import Act

# Each act is offered in the states it is for, so that one turn for all of them puts the likely next
# one first: what stands in the way is cleared, goods go out, goods come back, money follows. What
# is rarely done is folded into "More", what ends an order stands last.
TURN = (
    *("link", "needs-no-stock", "release"),
    *("hand-over", "ready", "ship", "promise"),
    *("return", "payment", "refund", "announce-return", "claim"),
    *("order-from-supplier", "drop-ship"),
    *("hold", "reroute", "reject", "pickup-place", "priority", "take-back"),
)


def in_turn(acts: Iterable[Act]) -> tuple[Act, ...]:
    """Return the acts, the likely next one first; one that has no turn comes before the last."""
    return tuple(sorted(acts, key=lambda act: (act.is_dangerous, _turn_of(act.name))))


def _turn_of(name: str) -> int:
    return TURN.index(name) if name in TURN else len(TURN)
