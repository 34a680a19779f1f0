"""What waits for the decisions of each person, as they are told by e-mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q

from purchasing.models import MatchException
from purchasing.queries.exceptions import (
    ExceptionsOfOwner,
    exceptions_by_owner,
    exceptions_to_decide,
)
from retail.common.models import User

Owner = MatchException.Owner
LISTED = 10


@dataclass(frozen=True)
class Digest:
    """What waits for one person: by role, and what is to be decided next."""

    person: User
    owners: tuple[str, ...]
    waiting: Sequence[ExceptionsOfOwner]
    next: Sequence[MatchException]

    @property
    def count(self) -> int:
        return sum(of_owner.count for of_owner in self.waiting)

    @property
    def overdue(self) -> int:
        return sum(of_owner.overdue for of_owner in self.waiting)

    @property
    def oldest_at(self) -> datetime:
        return min(of_owner.oldest_at for of_owner in self.waiting)

    @property
    def not_listed(self) -> int:
        return self.count - len(self.next)


def digests_to_mail(*, at: datetime) -> list[Digest]:
    """
    Return a digest for each active person with an e-mail address whose role has to decide.

    Nobody for whom nothing waits. As many queries as there are combinations of these roles, not
    of people.
    """
    waiting = {of_owner.owner: of_owner for of_owner in exceptions_by_owner(at=at)}
    if not waiting:
        return []
    people = (
        User.objects.filter(is_active=True, groups__name__in=list(waiting))
        .exclude(email="")
        .annotate(
            owners=ArrayAgg("groups__name", filter=Q(groups__name__in=list(waiting)), distinct=True)
        )
        .order_by("pk")
    )
    next_of: dict[tuple[str, ...], Sequence[MatchException]] = {}
    digests = []
    for person in people:
        owners = tuple(sorted(person.owners))
        if owners not in next_of:
            next_of[owners] = _next(owners)
        digests.append(_digest(person, owners, waiting, next_of[owners]))
    return digests


def _next(owners: Sequence[str]) -> Sequence[MatchException]:
    return list(exceptions_to_decide().filter(owner__in=owners)[:LISTED])


def _digest(
    person: User,
    owners: tuple[str, ...],
    waiting: Mapping[str, ExceptionsOfOwner],
    next_ones: Sequence[MatchException],
) -> Digest:
    return Digest(
        person=person,
        owners=owners,
        waiting=[waiting[owner] for owner in owners],
        next=next_ones,
    )
