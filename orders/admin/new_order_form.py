"""What a new order of our own asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from catalog.forms import ScanField, ScanInput
from channels.models import Channel
from customers.models import Address, Customer
from customers.operations import Buyer, PostalAddress
from customers.queries import customers_known_by, newest_address
from inventory.models import Location
from orders.models import Order
from orders.operations import Collecting, NewOrderLine
from retail.common.admin import ActForm, LineTable

LINES_OF_A_NEW_ORDER = 8
CUSTOMERS_NAMED = 5
NEEDED = "Needed."
ADDRESS = ("street", "postcode", "city", "country")


class CustomerField(forms.CharField):
    """A customer who is known: by e-mail, phone, card or account, or by a name only one has."""

    default_error_messages = {
        "nobody": "Nobody is known by that.",
        "many": "Several customers are: %(names)s. Give the e-mail of one.",
    }

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        found = list(customers_known_by(text)[: CUSTOMERS_NAMED + 1])
        if not found:
            raise ValidationError(self.error_messages["nobody"], code="nobody")
        if len(found) > 1:
            names = ", ".join(str(customer) for customer in found[:CUSTOMERS_NAMED])
            raise ValidationError(self.error_messages["many"], code="many", params={"names": names})
        return found[0]


class NewOrderForm(ActForm):
    """An order that somebody gives us by telephone or at the desk."""

    channel = forms.ModelChoiceField(
        queryset=Channel.objects.filter(kind=Channel.Kind.MANUAL).order_by("name", "pk")
    )
    customer = CustomerField(
        label="Known customer",
        max_length=200,
        required=False,
        help_text="Scan the card, or type e-mail, phone or name. Empty: somebody new.",
    )
    name = forms.CharField(label="Name", max_length=200, required=False)
    email = forms.EmailField(label="E-mail", required=False)
    phone = forms.CharField(max_length=50, required=False)
    delivery = forms.ChoiceField(choices=Order.Delivery.choices, initial=Order.Delivery.SHIP)
    street = forms.CharField(
        max_length=200,
        required=False,
        help_text="To be sent: where to. Empty: where a known customer had it sent last.",
    )
    postcode = forms.CharField(max_length=20, required=False)
    city = forms.CharField(max_length=100, required=False)
    country = forms.CharField(
        max_length=2, min_length=2, required=False, help_text="Two letters: GB, DE."
    )
    pickup_location = forms.ModelChoiceField(
        label="Collected at",
        queryset=Location.objects.filter(is_pickup=True).order_by("name", "pk"),
        required=False,
        empty_label="",
    )
    collector = forms.CharField(
        max_length=200, required=False, help_text="Who collects it, when it is somebody else."
    )
    is_curbside = forms.BooleanField(label="They wait outside", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for row in range(LINES_OF_A_NEW_ORDER):
            self.fields[f"sku_{row}"] = ScanField(
                required=False, active_only=True, widget=ScanInput({"autofocus": False})
            )
            self.fields[f"pieces_{row}"] = forms.IntegerField(
                label="Pieces", min_value=1, max_value=1_000_000, required=False
            )
            self.fields[f"price_{row}"] = forms.DecimalField(
                label="Price of one", min_value=0, max_digits=16, decimal_places=4, required=False
            )

    def line_table(self) -> LineTable:
        return LineTable(
            headings=("SKU, barcode or name", "Pieces", "Price of one, when not the channel's"),
            rows=[
                [self[f"sku_{row}"], self[f"pieces_{row}"], self[f"price_{row}"]]
                for row in range(LINES_OF_A_NEW_ORDER)
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        cleaned["known_address"] = _known_address(cleaned)
        for name in _lacking(cleaned):
            self.add_error(name, NEEDED)
        if self.errors:
            return cleaned
        cleaned["lines"] = _order_lines(cleaned)
        cleaned["buyer"] = Buyer(
            name=cleaned["name"], email=cleaned["email"], phone=cleaned["phone"]
        )
        is_collected = cleaned["delivery"] == Order.Delivery.PICKUP
        is_typed = not is_collected and cleaned["known_address"] is None
        cleaned["collecting"] = _collecting(cleaned) if is_collected else None
        cleaned["address"] = _typed_address(cleaned) if is_typed else None
        return cleaned


def planned_address(cleaned: Mapping[str, Any]) -> Address | None:
    """Return where the order goes to, not stored when it was typed."""
    if cleaned["known_address"] is not None:
        known: Address = cleaned["known_address"]
        return known
    typed: PostalAddress | None = cleaned["address"]
    if typed is None:
        return None
    return Address(
        name=typed.name,
        street=typed.street,
        postcode=typed.postcode,
        city=typed.city,
        country=typed.country,
    )


def _lacking(cleaned: Mapping[str, Any]) -> list[str]:
    """Return the fields that have to be filled in, as the others are."""
    needed = [] if cleaned["customer"] else ["name"]
    if cleaned["delivery"] == Order.Delivery.PICKUP:
        needed.append("pickup_location")
    elif cleaned["known_address"] is None:
        needed += ADDRESS
    return [name for name in needed if not cleaned[name]]


def _known_address(cleaned: Mapping[str, Any]) -> Address | None:
    """Return where a known customer had it sent last, when nothing else was typed."""
    is_sent = cleaned["delivery"] == Order.Delivery.SHIP
    is_typed = any(cleaned[part] for part in ADDRESS)
    if cleaned["customer"] is None or is_typed or not is_sent:
        return None
    return newest_address(cleaned["customer"])


def _name_of(cleaned: Mapping[str, Any]) -> str:
    customer: Customer | None = cleaned["customer"]
    return cleaned["name"] or (customer.name if customer else "")


def _collecting(cleaned: Mapping[str, Any]) -> Collecting:
    return Collecting(
        location=cleaned["pickup_location"],
        name=cleaned["collector"] or _name_of(cleaned),
        is_curbside=cleaned["is_curbside"],
    )


def _typed_address(cleaned: Mapping[str, Any]) -> PostalAddress:
    return PostalAddress(
        name=_name_of(cleaned),
        street=cleaned["street"],
        postcode=cleaned["postcode"],
        city=cleaned["city"],
        country=cleaned["country"].upper(),
        phone=cleaned["phone"],
    )


def _order_lines(cleaned: Mapping[str, Any]) -> Sequence[NewOrderLine]:
    """Return the rows that were filled in; one piece by default, a scanned box as its units."""
    rows = [
        (cleaned[f"sku_{row}"], cleaned[f"pieces_{row}"] or 1, cleaned[f"price_{row}"])
        for row in range(LINES_OF_A_NEW_ORDER)
    ]
    lines = [
        NewOrderLine(
            variant_id=scanned.variant.pk, quantity=pieces * scanned.units, unit_price=price
        )
        for scanned, pieces, price in rows
        if scanned is not None
    ]
    if not lines:
        msg = "Give at least one article."
        raise ValidationError(msg)
    return lines
