"""When suppliers' files are fetched, and what was seen where they are fetched from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, Value

from purchasing.models import SupplierFileProfile, Transport
from retail.common.errors import BusinessError

# A file that may still be written is looked at again so soon, however seldom the place is asked.
MINUTES_TO_LOOK_AGAIN = 4
LONGEST_ERROR = 1000


class NothingToFetch(BusinessError):
    """The supplier's files are uploaded by people, or nothing is bought from it any more."""


@transaction.atomic
def claim_due_profile(*, at: datetime) -> SupplierFileProfile | None:
    """
    Take the profile whose files were not looked for the longest, for one caller; None when no due.

    It is due again when its minutes are over, and a few minutes later when a file there was not
    complete yet. Locks: the profile, skipping those that others hold.
    """
    waited = ExpressionWrapper(
        F("polled_at") + F("poll_minutes") * Value(timedelta(minutes=1)),
        output_field=DateTimeField(),
    )
    soon = at - timedelta(minutes=MINUTES_TO_LOOK_AGAIN)
    profile = (
        SupplierFileProfile.objects.exclude(transport=Transport.UPLOAD)
        .alias(due_at=waited)
        .filter(
            Q(polled_at__isnull=True)
            | Q(due_at__lte=at)
            | Q(poll_state__has_key="waiting", polled_at__lte=soon),
            supplier__is_active=True,
        )
        .select_related("supplier")
        .order_by(F("polled_at").asc(nulls_first=True), "pk")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .first()
    )
    if profile is not None:
        profile.polled_at = at
        profile.save(update_fields=["polled_at"])
    return profile


@transaction.atomic
def note_poll(*, profile_id: int, state: Mapping[str, Any], error: str) -> None:
    """Keep what was seen where a profile's files are, and why it failed, if it did."""
    SupplierFileProfile.objects.filter(pk=profile_id).update(
        poll_state=dict(state), poll_error=error[:LONGEST_ERROR]
    )


@transaction.atomic
def ask_for_files(*, profile_id: int) -> SupplierFileProfile:
    """
    Let a profile's files be fetched at the next run, whatever its minutes say.

    :raises NothingToFetch: they are uploaded, or the supplier is no longer active.
    """
    profile = (
        SupplierFileProfile.objects.select_for_update(of=("self",), no_key=True)
        .select_related("supplier")
        .get(pk=profile_id)
    )
    if profile.transport == Transport.UPLOAD or not profile.supplier.is_active:
        msg = f"Nothing is fetched for {profile}."
        raise NothingToFetch(msg, profile=profile.code)
    profile.polled_at = None
    profile.save(update_fields=["polled_at"])
    return profile
