"""Reading which tolerances hold."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from purchasing.models import TolerancePolicy
from purchasing.tolerances import Policies


def policies_of(supplier_ids: Collection[int]) -> Policies:
    """Return every policy that may hold for bills of these suppliers, read at once."""
    return Policies(
        TolerancePolicy.objects.filter(
            Q(supplier__in=list(supplier_ids)) | Q(supplier__isnull=True)
        ).order_by("pk")
    )
