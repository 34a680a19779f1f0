"""Labels of what lies at a location: as many as there are units, unless told otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from catalog.admin.labels import LabelsForm
from inventory.models import StockLevel
from retail.common.printing import LABELS_AT_MOST


class LabelsOfStockForm(LabelsForm):
    """The labels of chosen levels, one for each unit on hand."""

    def usual_copies(self, chosen: Sequence[int]) -> Mapping[int, int]:
        copies: dict[int, int] = defaultdict(int)
        for variant_id, on_hand in StockLevel.objects.filter(pk__in=list(chosen)).values_list(
            "variant_id", "on_hand"
        ):
            copies[variant_id] = min(copies[variant_id] + on_hand, LABELS_AT_MOST)
        return copies
