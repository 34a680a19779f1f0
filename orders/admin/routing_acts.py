"""Acts on from where an order is served: from another place, before others, not from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest

from inventory.models import Location
from orders import operations
from orders.models import Fulfillment, LineAllocation, Order, OrderLine, RoutingRejection
from orders.operations import UnservedPieces, read_promises
from retail.common.admin import Act, ActForm
from retail.common.models import User

Cleaned = Mapping[str, Any]


class RerouteForm(ActForm):
    """The place that is to serve an order, or none, for the rules to choose."""

    location = forms.ModelChoiceField(
        label="Serve it from",
        queryset=Location.objects.none(),
        required=False,
        empty_label="Wherever the rules say now",
        help_text="As far as the place has it. What is picked or packed stays where it is.",
    )

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is None:
            return
        sends = Q(is_shipping=True)
        if document.delivery == Order.Delivery.PICKUP:
            sends = Q(pk=document.pickup_location_id)
        places = Location.objects.filter(sends).order_by("priority", "code", "pk")
        location = self.fields["location"]
        assert isinstance(location, forms.ModelChoiceField)  # noqa: S101 - declared above
        location.queryset = places


class PriorityForm(ActForm):
    """How early an order comes among those to be shipped together."""

    priority = forms.IntegerField(
        min_value=-1000, max_value=1000, help_text="The higher is served first."
    )

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            self.initial.setdefault("priority", document.priority)


class RejectForm(ActForm):
    """Which pieces a place cannot serve, and why."""

    pieces_there = forms.ChoiceField(label="Which")
    quantity = forms.IntegerField(label="Pieces", min_value=1, initial=1)
    reason = forms.ChoiceField(choices=RoutingRejection.Reason.choices)
    note = forms.CharField(max_length=300, required=False)

    def __init__(
        self, *args: Any, document: Order | Fulfillment | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            choice = self.fields["pieces_there"]
            assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - declared above
            choice.choices = self.choices_of(document)

    def choices_of(self, document: Any) -> list[tuple[str, str]]:
        """Return `line id-location id` with words for it."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if chosen := cleaned.get("pieces_there"):
            line_id, location_id = chosen.split("-")
            cleaned["line_id"], cleaned["location_id"] = int(line_id), int(location_id)
        return cleaned


class RejectPromisedForm(RejectForm):
    """Pieces that are promised to an order somewhere."""

    def choices_of(self, document: Order) -> list[tuple[str, str]]:
        lines = {line.pk: line for line in document.lines.order_by("pk")}
        promises = read_promises(list(lines.values()))
        places = Location.objects.in_bulk({spot.location_id for spot in promises.units()})
        return [
            (f"{line_id}-{place.pk}", f"{lines[line_id]}: {pieces} at {place}")
            for place in sorted(places.values(), key=lambda place: (place.priority, place.pk))
            for line_id, pieces in promises.at_location(place.pk).pieces().items()
            if pieces
        ]


class RejectPickedForm(RejectForm):
    """Pieces that are being picked for a fulfillment."""

    def choices_of(self, document: Fulfillment) -> list[tuple[str, str]]:
        rows = document.lines.select_related("line").order_by("pk")
        return [
            (f"{row.line_id}-{document.location_id}", f"{row.line}: {row.quantity}") for row in rows
        ]


def wants_goods(order: Order) -> bool:
    goods = OrderLine.objects.filter(order=order, is_stocked=True, variant__isnull=False)
    return order.is_open and any(line.open_quantity for line in goods)


def is_open(order: Order) -> bool:
    return order.is_open


def is_promised_somewhere(order: Order) -> bool:
    promises = LineAllocation.objects.filter(line__order=order, units__gt=0)
    return order.is_open and promises.exists()


def is_being_picked(fulfillment: Fulfillment) -> bool:
    return fulfillment.status == Fulfillment.Status.PICKING


def reroute(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    location = cleaned["location"]
    decision = operations.reroute(
        order_id=order.pk,
        location_id=location.pk if location else None,
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    places = ", ".join(decision.chosen) or "nowhere"
    return f"{order} is served from {places} now."


def set_priority(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    changed = operations.set_priority(
        order_id=order.pk, priority=cleaned["priority"], at=now, by=_person(request)
    )
    return f"{order} has priority {changed.priority}."


def reject_promised(request: HttpRequest, _order: Order, cleaned: Cleaned, now: datetime) -> str:
    return _reject(request, cleaned, now, fulfillment_id=None)


def reject_picked(
    request: HttpRequest, fulfillment: Fulfillment, cleaned: Cleaned, now: datetime
) -> str:
    return _reject(request, cleaned, now, fulfillment_id=fulfillment.pk)


def _reject(
    request: HttpRequest, cleaned: Cleaned, now: datetime, *, fulfillment_id: int | None
) -> str:
    rejection = operations.reject_pieces(
        pieces=UnservedPieces(
            line_id=cleaned["line_id"],
            location_id=cleaned["location_id"],
            quantity=cleaned["quantity"],
            fulfillment_id=fulfillment_id,
        ),
        reason=cleaned["reason"],
        note=cleaned["note"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    order = Order.objects.get(pk=rejection.line.order_id)
    if order.holds.open().filter(kind="STOCK").exists():
        return f"{rejection.location} no longer serves it. {order} waits for stock."
    return f"{rejection.location} no longer serves it: {order} is served from another place."


def reroute_consequences(_order: Order) -> Sequence[str]:
    return [
        "The promises elsewhere are given back, as far as the place serves the goods instead.",
        "What waits for stock is served from there first.",
    ]


def reject_consequences(_document: Order | Fulfillment) -> Sequence[str]:
    return [
        "The place is not asked for this line again.",
        "The pieces are served from another place; where none has them, the order waits, on hold.",
        "What was not found or is damaged is to be counted there.",
    ]


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


REROUTE = Act(
    name="reroute",
    label="Serve from another place",
    permission="orders.reroute_order",
    perform=reroute,
    form=RerouteForm,
    is_offered=wants_goods,
    consequences=reroute_consequences,
    icon="alt_route",
)
PRIORITY = Act(
    name="priority",
    label="Priority",
    permission="orders.prioritize_order",
    perform=set_priority,
    form=PriorityForm,
    is_offered=is_open,
    icon="low_priority",
)
REJECT_PROMISED = Act(
    name="reject",
    label="Cannot be served there",
    permission="orders.add_routingrejection",
    perform=reject_promised,
    form=RejectPromisedForm,
    is_offered=is_promised_somewhere,
    consequences=reject_consequences,
    icon="wrong_location",
)
# On the page of a fulfillment that somebody is picking.
REJECT_PICKED = Act(
    name="reject",
    label="Cannot be served here",
    permission="orders.add_routingrejection",
    perform=reject_picked,
    form=RejectPickedForm,
    is_offered=is_being_picked,
    consequences=reject_consequences,
    icon="wrong_location",
)
ROUTING_ACTS = (REROUTE, REJECT_PROMISED, PRIORITY)
