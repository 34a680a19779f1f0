"""Which part of the invoice desk's queue a person looks at, as the address of the page says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from purchasing.models import MatchException
from purchasing.queries import DeskAge, DeskQueue, DeskState, first_at_desk, is_at_desk

EVERYBODY = "all"
Owner = MatchException.Owner


@dataclass(frozen=True)
class DeskView:
    """
    What of the queue is looked at: by role or by state, and by age.

    roles: as asked for, empty for the person's own. own_roles: those of the person who have
    something to decide here; whoever has none of them sees everybody's.
    """

    own_roles: tuple[str, ...]
    roles: tuple[str, ...] = ()
    state: str = ""
    age: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> DeskView:
        """Read the address; what it says wrongly is as if it said nothing."""
        groups = set(request.user.groups.values_list("name", flat=True))
        asked = request.GET.getlist("role")
        roles = tuple(owner for owner in Owner.values if owner in asked)
        state, age = request.GET.get("state", ""), request.GET.get("age", "")
        return cls(
            own_roles=tuple(owner for owner in Owner.values if owner in groups),
            roles=tuple(Owner.values) if EVERYBODY in asked else roles,
            state=state if state in DeskState.values else "",
            age=age if age in DeskAge.values else "",
        )

    @property
    def owners(self) -> tuple[str, ...]:
        return self.roles or self.own_roles or tuple(Owner.values)

    def queue(self, now: datetime) -> DeskQueue:
        return DeskQueue(owners=self.owners, now=now, state=self.state, age=self.age)

    def pairs(self) -> list[tuple[str, str]]:
        """Return what an address needs to say the same again."""
        if self.state:
            said = [("state", self.state)]
        elif set(self.roles) == set(Owner.values):
            said = [("role", EVERYBODY)]
        else:
            said = [("role", role) for role in self.roles]
        return [*said, ("age", self.age)] if self.age else said

    def list_url(self, **changed: str) -> str:
        """Return the address of the queue, or of another part of it."""
        return _with_query(reverse("admin:purchasing_supplierinvoice_queue"), self._pairs(changed))

    def bill_url(self, invoice_id: int, *, difference: int | None = None) -> str:
        """Return the desk page of a bill in this queue, at one of its differences."""
        page = reverse("admin:purchasing_supplierinvoice_desk", args=[invoice_id])
        anchor = "" if difference is None else f"#difference-{difference}"
        return _with_query(page, self.pairs()) + anchor

    def url_after(self, invoice_id: int, *, next_id: str, now: datetime) -> str:
        """
        Return where to go when a bill is done with: the next one that waits, else the queue.

        next_id: the bill that came next when the page was shown, before this one left the queue.
        """
        queue = self.queue(now)
        if next_id.isdecimal() and int(next_id) != invoice_id and is_at_desk(queue, int(next_id)):
            return self.bill_url(int(next_id))
        following = first_at_desk(queue, but_not=invoice_id)
        return self.list_url() if following is None else self.bill_url(following)

    def _pairs(self, changed: dict[str, str]) -> Sequence[tuple[str, str]]:
        kept = [
            (name, value)
            for name, value in self.pairs()
            if name not in changed and not (name in _WHOSE and changed.keys() & _WHOSE)
        ]
        return [*kept, *((name, value) for name, value in changed.items() if value)]


_WHOSE = {"role", "state"}


def _with_query(url: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(pairs)}" if pairs else url
