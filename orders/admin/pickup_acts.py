"""What can be done to an order that is collected, from its pickup or from the order itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from inventory.models import Location
from orders import operations
from orders.admin.payment_forms import PAID_IN_CASH, AmountField, missing_amount
from orders.models import Fulfillment, Order, Pickup
from orders.operations import PaidAtPickup
from orders.operations.parcels import is_told
from retail.common.admin import Act, ActForm
from retail.common.errors import NotAllowed
from retail.common.models import User
from retail.common.money import display, round_amount

Cleaned = Mapping[str, Any]
Document = Order | Pickup

HANDS_OVER = "orders.hand_over_fulfillment"
PAYMENT_FIELDS = ("method", "register", "receipt")


class PlaceForm(ActForm):
    """Where the customer collects the order."""

    location = forms.ModelChoiceField(
        label="Collected at",
        queryset=Location.objects.filter(is_pickup=True).order_by("name", "pk"),
    )


class HandOverForm(ActForm):
    """What proves that the order goes to the right person, and what they pay for it now."""

    code = forms.CharField(
        max_length=20,
        required=False,
        help_text="As the customer tells it.",
        widget=forms.TextInput(
            {"autocomplete": "off", "autofocus": True, "inputmode": "numeric", "size": 10}
        ),
    )
    handed_to = forms.CharField(
        label="Name on the document",
        max_length=200,
        required=False,
        help_text="Only without the code: as it stands on a document that they show.",
    )

    def __init__(self, *args: Any, document: Document | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.is_to_be_paid = document is not None and not operations.is_paid_for(order_of(document))
        if document is None or not self.is_to_be_paid:
            return
        order = order_of(document)
        self.fields["amount"] = AmountField(
            label=f"Paid now, in {order.currency}",
            initial=_rounded(order, missing_amount(order)),
            required=False,
            help_text="Left empty: it was recorded already.",
        )
        self.fields["method"] = forms.CharField(
            max_length=50, initial=PAID_IN_CASH, required=False, help_text="As the till calls it."
        )
        self.fields["register"] = forms.CharField(label="Till", max_length=50, required=False)
        self.fields["receipt"] = forms.CharField(
            label="Number of the receipt", max_length=40, required=False
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        if not cleaned["code"].strip() and not cleaned["handed_to"].strip():
            msg = "Ask for the code, or write down the name on a document."
            raise ValidationError(msg)
        cleaned["payment"] = None
        if cleaned.get("amount"):
            for name in PAYMENT_FIELDS:
                if not cleaned[name].strip():
                    self.add_error(name, "Needed for what is paid now.")
        if cleaned.get("amount") and not self.errors:
            cleaned["payment"] = PaidAtPickup(
                amount=cleaned["amount"], **{name: cleaned[name] for name in PAYMENT_FIELDS}
            )
        return cleaned


class ArrivalForm(ActForm):
    """Where the customer waits."""

    vehicle = forms.CharField(max_length=100, required=False, help_text="A red van, its plate.")
    bay = forms.CharField(max_length=50, required=False)


class KeepForm(ActForm):
    """How much longer it is kept."""

    days = forms.IntegerField(label="Days from now", min_value=1, max_value=366, initial=7)


class PutBackForm(ActForm):
    """Why it is put back, and what is given back for it."""

    reason = forms.CharField(max_length=200, initial="Not collected.")
    amount = forms.DecimalField(
        min_value=0,
        max_digits=16,
        decimal_places=4,
        required=False,
        help_text="Granted now, to be paid out as another act. Left empty: nothing.",
    )

    def __init__(self, *args: Any, document: Document | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            order = order_of(document)
            self.fields["amount"].label = f"Refund in {order.currency}"
            self.fields["amount"].initial = _rounded(order, operations.left_to_grant(order))


def order_of(document: Document) -> Order:
    return document.order if isinstance(document, Pickup) else document


def pickup_of(document: Document) -> Pickup | None:
    """Return the pickup of an order, without a query for one that is sent."""
    if isinstance(document, Pickup):
        return document
    if document.delivery != Order.Delivery.PICKUP:
        return None
    return getattr(document, "pickup", None)


def is_waiting(document: Document) -> bool:
    return _status(document) == Pickup.Status.WAITING


def is_ready(document: Document) -> bool:
    return _status(document) == Pickup.Status.READY


def is_awaited(document: Document) -> bool:
    return _status(document) in Pickup.AWAITED


def may_be_collected(order: Order) -> bool:
    """Tell whether nothing of an order is in hands yet, so that its customer may collect it."""
    return (
        order.is_open
        and not order.fulfillments.exclude(status=Fulfillment.Status.CANCELLED).exists()
    )


def choose_place(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    operations.choose_pickup_place(
        order_id=order.pk, location=cleaned["location"], at=now, by=_person(request)
    )
    return f"{order} is collected at {cleaned['location']}."


def choose_place_consequences(_order: Order) -> Sequence[str]:
    return (
        "What is promised to it elsewhere is free again; it is served from there alone.",
        "It is paid when it is handed over. The channel is not told of the place.",
    )


def ready(request: HttpRequest, document: Document, cleaned: Cleaned, now: datetime) -> str:
    order = order_of(document)
    operations.mark_ready(order_id=order.pk, key=cleaned["key"], at=now, by=_person(request))
    return f"{order} lies ready. Its customer is told."


def hand_over(request: HttpRequest, document: Document, cleaned: Cleaned, now: datetime) -> str:
    order = order_of(document)
    operations.hand_over(
        order_id=order.pk,
        code=cleaned["code"],
        handed_to=cleaned["handed_to"],
        payment=cleaned["payment"],
        at=now,
        by=_person(request),
    )
    return f"{order} is handed over."


def arrive(request: HttpRequest, document: Document, cleaned: Cleaned, now: datetime) -> str:
    order = order_of(document)
    operations.note_arrival(
        order_id=order.pk,
        vehicle=cleaned["vehicle"],
        bay=cleaned["bay"],
        at=now,
        by=_person(request),
    )
    return f"The customer of {order} waits outside."


def keep(request: HttpRequest, document: Document, cleaned: Cleaned, now: datetime) -> str:
    order, until = order_of(document), now + timedelta(days=cleaned["days"])
    operations.keep_longer(order_id=order.pk, until=until, at=now, by=_person(request))
    return f"{order} is kept until {until:%d %b %Y}."


def expire(request: HttpRequest, document: Document, cleaned: Cleaned, now: datetime) -> str:
    order, amount = order_of(document), cleaned["amount"]
    if amount and not request.user.has_perm("orders.grant_refund"):
        msg = "You may put it back, but not grant a refund: leave the amount empty."
        raise NotAllowed(msg)
    operations.expire_pickup(
        order_id=order.pk, reason=cleaned["reason"], at=now, by=_person(request)
    )
    if not amount:
        return f"{order} is put back and cancelled."
    refund = operations.grant_refund(
        order_id=order.pk,
        amount=amount,
        reason=cleaned["reason"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{order} is put back and cancelled; {refund} over {_money(order, amount)} is granted."


def hand_over_consequences(document: Document) -> Sequence[str]:
    order = order_of(document)
    sentences = [_whose(document), "Its goods leave stock."]
    if is_told(order):
        sentences.append(f"{order.channel} is told that they were collected.")
    if not operations.is_paid_for(order):
        due = _money(order, missing_amount(order))
        sentences.append(f"{due} is to be paid. It is written down with the hand-over.")
    return sentences


def ready_consequences(document: Document) -> Sequence[str]:
    order = order_of(document)
    place = order.pickup_location
    sentences = [
        _whose(document),
        "All goods lie at the counter, and nobody picks or sends them any more.",
    ]
    if place is not None:
        sentences.append(f"It is kept for {place.pickup_hold_days} days.")
        sentences.append("The customer is told the code and the place by e-mail.")
    return sentences


def expire_consequences(document: Document) -> Sequence[str]:
    order = order_of(document)
    promises = operations.read_promises(list(order.lines.all()))
    units = sum(promises.units().values())
    left = _money(order, operations.left_to_grant(order))
    return [
        _whose(document),
        f"{units} promised units go back on the shelf and are free again.",
        f"The order is cancelled, and {order.channel} is told."
        if is_told(order)
        else "The order is cancelled.",
        f"{left} was paid for it and is not given back yet.",
    ]


def _status(document: Document) -> str | None:
    pickup = pickup_of(document)
    return pickup.status if pickup is not None else None


def _whose(document: Document) -> str:
    """Say which order it is and who comes for it: the wrong one would be handed over for good."""
    order, pickup = order_of(document), pickup_of(document)
    name = pickup.collector_name if pickup is not None else ""
    return f"{order}, collected by {name}." if name else f"{order}."


def _rounded(order: Order, amount: Decimal) -> Decimal | None:
    """Return an amount as people write it, None for nothing."""
    return round_amount(amount, order.currency) or None


def _money(order: Order, amount: Any) -> str:
    return display(amount, order.currency)


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


READY = Act(
    name="ready",
    label="Ready for pickup",
    permission=HANDS_OVER,
    perform=ready,
    is_offered=is_waiting,
    consequences=ready_consequences,
    icon="shelves",
)
HAND_OVER = Act(
    name="hand-over",
    label="Hand over",
    permission=HANDS_OVER,
    perform=hand_over,
    form=HandOverForm,
    is_offered=is_ready,
    consequences=hand_over_consequences,
    icon="hand_package",
)
ARRIVED = Act(
    name="arrived",
    label="Customer has arrived",
    permission=HANDS_OVER,
    perform=arrive,
    form=ArrivalForm,
    is_offered=is_awaited,
    icon="directions_car",
)
KEEP_LONGER = Act(
    name="keep",
    label="Keep longer",
    permission=HANDS_OVER,
    perform=keep,
    form=KeepForm,
    is_offered=is_ready,
    icon="more_time",
)
PUT_BACK = Act(
    name="expire",
    label="Put back",
    permission="orders.expire_pickup",
    perform=expire,
    form=PutBackForm,
    is_offered=is_ready,
    consequences=expire_consequences,
    is_dangerous=True,
    icon="undo",
)
CHOOSE_PLACE = Act(
    name="pickup-place",
    label="Collected at",
    permission="orders.reroute_order",
    perform=choose_place,
    form=PlaceForm,
    is_offered=may_be_collected,
    consequences=choose_place_consequences,
    icon="storefront",
)
PICKUP_ACTS = (READY, HAND_OVER, ARRIVED, KEEP_LONGER, PUT_BACK)
# Of those, what the page of an order offers.
COLLECTING_ACTS = (READY, HAND_OVER, CHOOSE_PLACE)
