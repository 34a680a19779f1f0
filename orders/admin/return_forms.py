"""What the acts on returned goods ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from channels.models import Channel
from inventory.models import Location
from orders.admin.article_rows import ArticleRowsForm
from orders.models import Order, OrderLine, Return, ReturnLine
from orders.operations import NewOrderLine, ReceivedLine, ReturnedLine
from orders.queries import credit_of, expected_returns, find_returnable
from retail.common.admin import ActForm, LineTable
from retail.common.money import round_amount

_Condition = ReturnLine.Condition
_Disposition = ReturnLine.Disposition
PUT_AWAY = [choice for choice in _Disposition.choices if choice[0] != _Disposition.NOT_STOCKED]
NOTED_ONLY = [(_Disposition.NOT_STOCKED.value, _Disposition.NOT_STOCKED.label)]


def places() -> forms.ModelChoiceField[Location]:
    """Return the field for where goods come in: anywhere but on the road."""
    locations = Location.objects.exclude(kind=Location.Kind.TRANSIT)
    return forms.ModelChoiceField(label="Came in at", queryset=locations.order_by("name", "pk"))


def pieces_field(most: int, initial: int) -> forms.IntegerField:
    return forms.IntegerField(min_value=0, max_value=most, initial=initial, required=False)


def condition_field() -> forms.ChoiceField:
    return forms.ChoiceField(choices=_Condition.choices, initial=_Condition.RESELLABLE)


def disposition_field(*, is_stocked: bool) -> forms.ChoiceField:
    """Return the field for what becomes of goods; what is not kept in stock is noted only."""
    return forms.ChoiceField(choices=[*PUT_AWAY, *NOTED_ONLY] if is_stocked else NOTED_ONLY)


def reason_field() -> forms.ChoiceField:
    reasons = ReturnLine.Reason
    return forms.ChoiceField(choices=reasons.choices, initial=reasons.UNKNOWN)


class LinesOut(ActForm):
    """A number of pieces of each line of the order that is with the customer, and what of them."""

    columns: Sequence[str] = ("pieces", "reason")
    headings: Sequence[str] = ("Article", "SKU", "With the customer", "Pieces", "Why")

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.out: list[OrderLine] = []
        if document is not None:
            self.out = list(document.lines.filter(shipped__gt=0).order_by("pk"))
        for line in self.out:
            left = line.shipped - line.returned
            fields = {
                "pieces": pieces_field(left, 0),
                "reason": reason_field(),
                "condition": condition_field(),
                "disposition": disposition_field(
                    is_stocked=line.is_stocked and line.variant_id is not None
                ),
            }
            for name in self.columns:
                self.fields[f"{name}_{line.pk}"] = fields[name]

    def line_table(self) -> LineTable:
        return LineTable(
            headings=self.headings,
            rows=[
                [
                    str(line),
                    line.raw_sku,
                    str(line.shipped - line.returned),
                    *(self[f"{name}_{line.pk}"] for name in self.columns),
                ]
                for line in self.out
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        cleaned["lines"] = [
            ReturnedLine(
                order_line_id=line.pk,
                quantity=pieces,
                **{name: cleaned[f"{name}_{line.pk}"] for name in self.columns[1:]},
            )
            for line in self.out
            if (pieces := cleaned.get(f"pieces_{line.pk}"))
        ]
        if not cleaned["lines"]:
            msg = "Give a number of pieces for at least one line."
            raise ValidationError(msg)
        return cleaned


class TakeBackForm(LinesOut):
    """What a customer brought to the counter, how it looks, and where it goes."""

    columns = ("pieces", "reason", "condition", "disposition")
    headings = ("Article", "SKU", "With the customer", "Pieces", "Why", "Condition", "Goes")

    note = forms.CharField(max_length=300, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["location"] = places()
        self.order_fields(["location", "note"])


class AnnounceForm(LinesOut):
    """What a customer wants to send back."""

    note = forms.CharField(max_length=300, required=False, help_text="What the customer says.")


class ReasonForm(ActForm):
    reason = forms.CharField(max_length=300)


class SentForm(ActForm):
    """The parcel an announced return comes in."""

    carrier = forms.CharField(max_length=50)
    tracking_number = forms.CharField(max_length=100)


class ReceiveForm(ActForm):
    """
    What came of an announced return: pieces, condition and where they go.

    A line of several pieces has two rows, as they may have come in two conditions.
    """

    def __init__(self, *args: Any, document: Return | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["location"] = places()
        self.rows: list[tuple[ReturnLine, str]] = []
        if document is None:
            return
        self.fields["location"].initial = document.location_id
        self.rows = list(_rows_to_receive(document))
        for row, name in self.rows:
            is_first = name == f"{row.pk}"
            kept = row.order_line is None or row.order_line.is_stocked
            self.fields[f"pieces_{name}"] = pieces_field(
                row.quantity, row.quantity if is_first else 0
            )
            self.fields[f"condition_{name}"] = condition_field()
            self.fields[f"disposition_{name}"] = disposition_field(
                is_stocked=kept and row.variant_id is not None
            )

    def line_table(self) -> LineTable:
        return LineTable(
            headings=("Article", "SKU", "Announced", "Why", "Came", "Condition", "Goes"),
            rows=[
                [
                    str(row) if name == f"{row.pk}" else "in another condition",
                    row.raw_sku,
                    str(row.quantity) if name == f"{row.pk}" else "",
                    row.get_reason_display(),
                    *(self[f"{field}_{name}"] for field in ("pieces", "condition", "disposition")),
                ]
                for row, name in self.rows
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        cleaned["lines"] = [
            ReceivedLine(
                return_line_id=row.pk,
                quantity=pieces,
                condition=cleaned[f"condition_{name}"],
                disposition=cleaned[f"disposition_{name}"],
            )
            for row, name in self.rows
            if (pieces := cleaned.get(f"pieces_{name}"))
        ]
        if not cleaned["lines"]:
            msg = "Nothing came: call the return off instead."
            raise ValidationError(msg)
        return cleaned


def _rows_to_receive(returned: Return) -> Iterator[tuple[ReturnLine, str]]:
    """Yield lines with the name of each of their rows."""
    for row in returned.lines.select_related("order_line").order_by("pk"):
        yield row, f"{row.pk}"
        if row.quantity > 1:
            yield row, f"{row.pk}_more"


class RefundForm(ActForm):
    """How much is given back for a return: what was really paid for it is proposed."""

    amount = forms.DecimalField(min_value=0, max_digits=16, decimal_places=4)
    reason = forms.CharField(max_length=300, initial="Goods returned")

    def __init__(self, *args: Any, document: Return | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            self.fields["amount"].label = f"Amount in {document.currency}"
            self.fields["amount"].initial = round_amount(
                credit_of(document).left, document.currency
            )


class ExchangeForm(ArticleRowsForm):
    """What the customer gets instead."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["lines"] = [
            NewOrderLine(variant_id=row.variant_id, quantity=row.pieces, unit_price=row.price)
            for row in cleaned.get("articles", ())
        ]
        return cleaned


class CloseForm(ActForm):
    note = forms.CharField(max_length=300, help_text="Why nothing, or nothing more, is paid back.")


class SettleForm(ActForm):
    note = forms.CharField(
        max_length=300, help_text="How the difference was collected or given back."
    )


class DecideForm(ActForm):
    """What becomes of goods that were set apart."""

    disposition = forms.ChoiceField(
        label="They go",
        choices=[
            (choice.value, choice.label) for choice in (_Disposition.RESTOCK, _Disposition.SCRAP)
        ],
    )


class BlindReturnForm(ArticleRowsForm):
    """Goods of ours whose sale nobody can find."""

    price_heading = "Price of one, as paid"

    channel = forms.ModelChoiceField(queryset=Channel.objects.order_by("name", "pk"))
    note = forms.CharField(
        max_length=300, label="Why no sale", help_text="Why nobody knows which sale it was."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["location"] = places()
        for row in range(self.rows):
            self.fields[f"condition_{row}"] = condition_field()
            self.fields[f"disposition_{row}"] = disposition_field(is_stocked=True)
        self.order_fields(["channel", "location", "note"])

    def line_table(self) -> LineTable:
        table = super().line_table()
        return LineTable(
            headings=(*table.headings, "Condition", "Goes"),
            rows=[
                [*cells, self[f"condition_{row}"], self[f"disposition_{row}"]]
                for row, cells in enumerate(table.rows)
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["lines"] = [
            ReturnedLine(
                variant_id=row.variant_id,
                quantity=row.pieces,
                unit_price=row.price,
                condition=cleaned[f"condition_{row.position}"],
                disposition=cleaned[f"disposition_{row.position}"],
            )
            for row in cleaned.get("articles", ())
        ]
        return cleaned


class FindForm(ActForm):
    """
    A word from the counter: numbers, an e-mail, a scanned article. Leads to the order it means.

    What it means is `cleaned["found"]`: an announced return, or an order. When it means several
    orders the form comes back and asks which.
    """

    term = forms.CharField(
        label="Number, tracking, e-mail or scan",
        max_length=254,
        help_text="Order or return number, the channel's number, tracking number, e-mail of the"
        " buyer, SKU or barcode.",
    )
    day = forms.DateField(
        label="Bought or sent on",
        required=False,
        help_text="For a scanned article that many bought.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound and "order" in self.data:
            self._ask_which()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        if expected := expected_returns(cleaned["term"]).first():
            cleaned["found"] = expected
        elif cleaned.get("order"):
            cleaned["found"] = _expected_or(cleaned["order"])
        else:
            cleaned["found"] = self._one_of(cleaned)
        return cleaned

    def _one_of(self, cleaned: dict[str, Any]) -> Order | Return | None:
        found = list(find_returnable(cleaned["term"], day=cleaned.get("day"))[:2])
        if not found:
            msg = "Nothing is with a customer that this means."
            raise ValidationError(msg)
        if len(found) == 1:
            return _expected_or(found[0])
        self._ask_which()
        self.add_error("order", "Several orders: which one is it?")
        return None

    def _ask_which(self) -> None:
        term = str(self.data.get("term", ""))
        orders = find_returnable(term, day=_day_of(self)).select_related("customer", "channel")
        self.fields["order"] = OrderChoice(queryset=orders, required=False)


class OrderChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    def label_from_instance(self, order: Order) -> str:
        buyer = f", {order.customer}" if order.customer else ""
        return f"{order} of {order.placed_at:%d %b %Y} on {order.channel}{buyer}"


def _day_of(form: FindForm) -> Any:
    """Return the day that was typed, None when it is none."""
    try:
        return form.fields["day"].clean(form.data.get("day"))
    except ValidationError:
        return None


def _expected_or(order: Order) -> Order | Return:
    """Return the one return that was announced for an order and may come, else the order."""
    expected = order.returns.filter(status__in=[Return.Status.APPROVED, Return.Status.IN_TRANSIT])
    announced = list(expected.order_by("pk")[:2])
    return announced[0] if len(announced) == 1 else order
