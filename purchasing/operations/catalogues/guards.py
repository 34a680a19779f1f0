"""What makes a supplier's file look wrong, in words with figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from purchasing.models import SupplierFileProfile
from purchasing.operations.catalogues.comparing import rows

CHANGES_LISTED = 20

# Multiplied, not divided: a price that was zero and is not any more is beyond every limit.
_LARGE_CHANGES = """
    SELECT line_number, supplier_sku, cost_before AS before, unit_cost AS after,
           count(*) OVER () AS found
    FROM supplier_file_compared
    WHERE abs(unit_cost - cost_before) * 100 > cost_before * %(limit)s
    ORDER BY abs(unit_cost - cost_before) / GREATEST(cost_before, 0.0001) DESC, line_number
    LIMIT %(listed)s
"""


class Guard(NamedTuple):
    """One thing a file is looked at for: how many of how many, and how many percent may be."""

    code: str
    part: int
    whole: int
    limit: int
    words: str

    @property
    def stops(self) -> bool:
        """
        Tell whether more than the limit is concerned; of nothing at all nothing is.

        So a first file, beside which nothing is known yet, is stopped by refused lines only.
        """
        return self.part * 100 > self.whole * self.limit

    @property
    def text(self) -> str:
        share = f"{self.part * 100 / self.whole:.1f}".removesuffix(".0")
        return f"{self.words}: {share} percent, where the profile allows {self.limit}."


def large_changes(*, limit: int) -> dict[str, Any]:
    """Return the compared price changes beyond the limit: how many, and the largest of them."""
    changes = rows(_LARGE_CHANGES, limit=limit, listed=CHANGES_LISTED)
    return {
        "max_price_change_percent": limit,
        "large_price_changes": changes[0]["found"] if changes else 0,
        "largest_price_changes": [
            {
                "line_number": change["line_number"],
                "supplier_sku": change["supplier_sku"],
                "before": str(change["before"]),
                "after": str(change["after"]),
            }
            for change in changes
        ],
    }


def limits_of(profile: SupplierFileProfile) -> dict[str, int]:
    """Return the profile's limits as the run keeps them, so that a later change moves nothing."""
    return {
        "price_change": profile.max_price_change_percent,
        "large_changes": profile.max_large_changes_percent,
        "emptied": profile.max_emptied_percent,
        "missing": profile.max_missing_percent,
        "refused": profile.max_refused_percent,
    }


def stopping(
    report: Mapping[str, Any], *, limits: Mapping[str, int], read: int, refused: int
) -> list[dict[str, str]]:
    """
    Return code and text of each guard that stops the file.

    A file of corrected lines is not the whole list, so what it does not name is not missed.
    """
    guards: Sequence[Guard] = (
        Guard(
            "large_changes",
            report["large_price_changes"],
            report["priced"],
            limits["large_changes"],
            f"{report['large_price_changes']:,} prices of {report['priced']:,} change by more"
            f" than {limits['price_change']} percent",
        ),
        Guard(
            "emptied",
            report["emptied"],
            report["in_stock"],
            limits["emptied"],
            f"{report['emptied']:,} of the {report['in_stock']:,} articles the supplier has in"
            " stock would become 0",
        ),
        Guard(
            "missing",
            0 if report["is_correction"] else report["not_in_file"],
            report["known"],
            limits["missing"],
            f"{report['not_in_file']:,} of the {report['known']:,} articles we know are not in"
            " the file",
        ),
        Guard(
            "refused",
            refused,
            read,
            limits["refused"],
            f"{refused:,} of {read:,} lines were refused",
        ),
    )
    return [{"code": guard.code, "text": guard.text} for guard in guards if guard.stops]
