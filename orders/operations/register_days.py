"""Day closes of tills: what each stated, and who accepts one that does not add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from channels.connectors.receipts import IncomingTender
from channels.models import Channel
from orders.models import RegisterDay
from orders.operations.reading import is_amount
from orders.operations.receipt_reading import LONGEST_PART, net_tenders
from orders.operations.receipts import NotATill
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS
from retail.common.models import User
from retail.common.money import round_rate


class UnknownRegisterDay(BusinessError):
    """There is no such day close."""


class InvalidDayClose(BusinessError):
    """Figures or a register that make no day close."""


class DayAccepted(BusinessError):
    """The day was accepted as it is; the till cannot state it otherwise any more."""


class AcceptanceUnexplained(BusinessError):
    """Somebody has to say why a day is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClose:
    """
    What a till stated when its day was closed.

    receipts: how many it printed, training receipts not counted. tenders: kind -> amount, what was
    taken less what was given back.
    """

    register: str
    business_on: date
    currency: str
    receipts: int
    total: Decimal
    closed_at: datetime
    tenders: Mapping[str, Decimal] = field(default_factory=dict)


@transaction.atomic
def close_register_day(*, channel: Channel, stated: DayClose) -> RegisterDay:
    """
    Keep what a till stated at its day close, once per register and day.

    The same figures again change nothing; corrected ones take the place of the first, until
    somebody accepted the day.
    Locks: the day close.

    :raises NotATill: the channel is no till.
    :raises InvalidDayClose: no register, or figures that are none.
    :raises DayAccepted: other figures, of a day that was accepted.
    """
    if channel.kind != Channel.Kind.POS:
        raise NotATill(f"{channel} is no till.", channel=channel.code)
    figures = _figures(stated)
    key = {"channel": channel, "register": stated.register, "business_on": stated.business_on}
    RegisterDay.objects.bulk_create([RegisterDay(**key, **figures)], ignore_conflicts=True)
    day = RegisterDay.objects.select_for_update(of=("self",), no_key=True).get(**key)
    if all(getattr(day, name) == value for name, value in figures.items()):
        return day
    if day.accepted_at is not None:
        raise DayAccepted(f"{day} was accepted: {day.accept_note}", day=day.pk)
    for name, value in figures.items():
        setattr(day, name, value)
    day.save(update_fields=list(figures))
    return day


@transaction.atomic
def accept_register_day(*, day_id: int, note: str, at: datetime, by: User | None) -> RegisterDay:
    """
    Accept a day as it is, whatever differs, and say why; a second call changes nothing.

    Locks: the day close.

    :raises UnknownRegisterDay: no day close has this id.
    :raises AcceptanceUnexplained: no note says why.
    """
    days = RegisterDay.objects.select_for_update(of=("self",), no_key=True)
    day = days.filter(pk=day_id).first()
    if day is None:
        raise UnknownRegisterDay("There is no such day close.", day=day_id)
    if day.accepted_at is not None:
        return day
    if not note.strip():
        raise AcceptanceUnexplained("Say why the day is accepted.")
    day.accepted_at, day.accepted_by, day.accept_note = at, by, note.strip()
    day.save(update_fields=["accepted_at", "accepted_by", "accept_note"])
    return day


def _figures(stated: DayClose) -> dict[str, object]:
    """Return what a till stated by the names of our columns."""
    register = stated.register
    if not 0 < len(register) <= LONGEST_PART or register != register.strip() or "\x00" in register:
        raise InvalidDayClose("A day close names its register.", register=register)
    problems: list[str] = []
    tenders = net_tenders(
        [IncomingTender(kind=kind, amount=amount) for kind, amount in stated.tenders.items()],
        problems,
    )
    if not 0 <= stated.receipts < MAX_UNITS or not is_amount(stated.total) or problems:
        raise InvalidDayClose("The figures of a day close are no numbers.", problems=problems)
    return {
        "currency": stated.currency,
        "stated_receipts": stated.receipts,
        "stated_total": round_rate(stated.total),
        "stated_tenders": {kind: f"{amount:f}" for kind, amount in tenders.items()},
        "closed_at": stated.closed_at,
    }
