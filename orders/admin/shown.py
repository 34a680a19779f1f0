"""What several pages of orders show in the same words."""

from __future__ import annotations

from orders.models import OrderLine


def component_words(line: OrderLine) -> str:
    """Return what one piece of a bundle is made of; nothing for other lines."""
    if not line.is_bundle:
        return ""
    return ", ".join(f"{part.units} x {part.variant}" for part in line.components.all())
