"""Tills over HTTP: send receipts and day closes, read what came of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from channels.connectors.base import IncomingBuyer
from channels.connectors.receipts import IncomingReceipt, IncomingReceiptLine, IncomingTender
from channels.models import Channel
from inventory.models import Location
from orders import operations, queries
from orders.models import RegisterDay, StoreReceipt
from orders.operations import DayClose
from retail.common.api import ReadOnlyViewSet, may
from retail.common.money import ZERO

MOST_LINES = 1000
LONGEST_STRETCH = timedelta(days=366)


class OptionalText(serializers.CharField):
    """Text that a till may leave out, kept as it was sent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False, default="", allow_blank=True, trim_whitespace=False, **kwargs
        )


class Money(serializers.DecimalField):
    """An amount in the currency of the document."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=16, decimal_places=4, **kwargs)


class ReceiptSerializer(serializers.ModelSerializer[StoreReceipt]):
    channel = serializers.CharField(source="channel.code", read_only=True)
    location = serializers.CharField(source="location.code", read_only=True)
    not_taken = serializers.SerializerMethodField(
        help_text="What came back that nobody could take back, in words."
    )

    class Meta:
        model = StoreReceipt
        fields = (
            *("id", "channel", "location", "register", "number", "sequence", "business_on"),
            *("sold_at", "cashier", "currency", "total", "tenders", "is_training"),
            *("order", "registered_return", "received_at", "not_taken"),
        )

    def get_not_taken(self, receipt: StoreReceipt) -> list[str]:
        return list(receipt.payload.get("not_taken", ()))


class NewReceiptLineSerializer(serializers.Serializer[Any]):
    line_id = serializers.CharField(max_length=100)
    sku = OptionalText(max_length=100)
    gtin = OptionalText(max_length=100)
    name = OptionalText(max_length=300)
    quantity = serializers.IntegerField(help_text="Below zero for what came back.")
    unit_price = Money()
    discount = Money(required=False, default=ZERO)
    tax = Money(required=False, default=ZERO)
    total = Money(help_text="Below zero for what came back.")
    is_stocked = serializers.BooleanField(required=False, default=True)
    sold_with = OptionalText(max_length=100, help_text="Receipt or order that it was sold with.")
    sold_at_register = OptionalText(max_length=50)


class TenderSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(max_length=50)
    amount = Money(help_text="Below zero when given back.")
    reference = OptionalText(max_length=100)


class NewReceiptSerializer(serializers.Serializer[Any]):
    channel = serializers.SlugRelatedField(slug_field="code", queryset=Channel.objects.all())
    location = serializers.SlugRelatedField(
        slug_field="code",
        queryset=Location.objects.all(),
        required=False,
        allow_null=True,
        default=None,
        help_text="The store; by default where the till's channel sells from.",
    )
    register = serializers.CharField(max_length=50)
    number = serializers.CharField(max_length=50)
    sequence = serializers.IntegerField(min_value=0, required=False, allow_null=True, default=None)
    business_on = serializers.DateField()
    sold_at = serializers.DateTimeField()
    cashier = OptionalText(max_length=100)
    currency = serializers.CharField(max_length=3)
    total = Money()
    discount_total = Money(required=False, default=ZERO)
    tax_total = Money(required=False, default=ZERO)
    is_training = serializers.BooleanField(required=False, default=False)
    customer = OptionalText(max_length=100, help_text="Their id in the till's system.")
    loyalty_card = OptionalText(max_length=90)
    lines = NewReceiptLineSerializer(many=True)
    tenders = TenderSerializer(many=True, required=False, default=list)

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(lines) > MOST_LINES:
            raise serializers.ValidationError(f"A receipt has {MOST_LINES:,} lines at most.")
        return lines


class GapSerializer(serializers.Serializer[Any]):
    channel = serializers.CharField()
    register = serializers.CharField()
    business_on = serializers.DateField()
    first = serializers.IntegerField()
    last = serializers.IntegerField()


class UnclosedDaySerializer(serializers.Serializer[Any]):
    channel = serializers.CharField()
    register = serializers.CharField()
    business_on = serializers.DateField()


class StretchSerializer(serializers.Serializer[Any]):
    """Of which channel, and from which day to which."""

    channel = serializers.SlugRelatedField(slug_field="code", queryset=Channel.objects.all())
    first = serializers.DateField()
    last = serializers.DateField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["first"] <= attrs["last"] <= attrs["first"] + LONGEST_STRETCH:
            raise serializers.ValidationError("Ask for a year of days at most, first to last.")
        return attrs


STRETCH = [
    OpenApiParameter("channel", str, required=True, description="Code of the channel."),
    OpenApiParameter("first", date, required=True),
    OpenApiParameter("last", date, required=True),
]


class ReceiptViewSet(ReadOnlyViewSet):
    """Receipts of tills, newest first. Sending one again answers the one that is there."""

    queryset = StoreReceipt.objects.select_related("channel", "location").order_by(
        "-sold_at", "-pk"
    )
    serializer_class = ReceiptSerializer
    filterset_fields = ("channel__code", "register", "number", "business_on", "is_training")

    def get_permissions(self) -> Any:
        if self.action == "create":
            return [may("orders.view_storereceipt", "orders.ingest_storereceipt")()]
        return super().get_permissions()

    @extend_schema(
        request=NewReceiptSerializer, responses={200: ReceiptSerializer, 201: ReceiptSerializer}
    )
    def create(self, request: Request) -> Response:
        """Take in a receipt, once per channel, register and number."""
        asked = NewReceiptSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        told = dict(asked.validated_data)
        taken = operations.deliver_receipt(
            channel=told.pop("channel"),
            location=told.pop("location"),
            receipt=_incoming(told),
            at=timezone.now(),
        )
        code = status.HTTP_201_CREATED if taken.is_new else status.HTTP_200_OK
        return Response(self.get_serializer(taken.receipt).data, status=code)

    @extend_schema(parameters=STRETCH, responses={200: GapSerializer(many=True)}, filters=False)
    @action(detail=False, pagination_class=None)
    def gaps(self, request: Request) -> Response:
        """List the receipt numbers that never came, by register and day."""
        channel, first, last = _stretch(request)
        days = queries.days_with_receipts(channel_ids=[channel.pk], first=first, last=last)
        rows = [
            {
                "channel": channel.code,
                "register": gap.register,
                "business_on": gap.business_on,
                "first": gap.first,
                "last": gap.last,
            }
            for gap in queries.missing_receipts(days)
        ]
        return Response(GapSerializer(rows, many=True).data)


class RegisterDaySerializer(serializers.ModelSerializer[RegisterDay]):
    channel = serializers.CharField(source="channel.code", read_only=True)
    found_receipts = serializers.IntegerField(read_only=True)
    found_total = serializers.DecimalField(max_digits=20, decimal_places=4, read_only=True)
    found_tenders = serializers.DictField(child=serializers.CharField(), read_only=True)
    is_different = serializers.BooleanField(read_only=True)

    class Meta:
        model = RegisterDay
        fields = (
            *("id", "channel", "register", "business_on", "currency", "closed_at"),
            *("stated_receipts", "stated_total", "stated_tenders"),
            *("found_receipts", "found_total", "found_tenders", "is_different"),
            *("accepted_at", "accept_note"),
        )


class DayCloseSerializer(serializers.Serializer[Any]):
    channel = serializers.SlugRelatedField(slug_field="code", queryset=Channel.objects.all())
    register = serializers.CharField(max_length=50)
    business_on = serializers.DateField()
    currency = serializers.RegexField("^[A-Z]{3}$")
    receipts = serializers.IntegerField(min_value=0, max_value=999_999_999)
    total = Money()
    tenders = serializers.DictField(child=Money(), required=False, default=dict)
    closed_at = serializers.DateTimeField()


class RegisterDayFilter(filters.FilterSet):
    """Narrow the list of day closes."""

    channel = filters.CharFilter(field_name="channel__code")
    is_different = filters.BooleanFilter(field_name="is_different")
    is_accepted = filters.BooleanFilter(
        field_name="accepted_at", lookup_expr="isnull", exclude=True
    )

    class Meta:
        model = RegisterDay
        fields = ("register", "business_on")


class RegisterDayViewSet(ReadOnlyViewSet):
    """Day closes of tills beside what their receipts come to, newest first."""

    queryset = queries.register_days().select_related("channel").order_by("-business_on", "-pk")
    serializer_class = RegisterDaySerializer
    filterset_class = RegisterDayFilter

    def get_permissions(self) -> Any:
        if self.action == "create":
            return [may("orders.view_registerday", "orders.ingest_storereceipt")()]
        return super().get_permissions()

    @extend_schema(request=DayCloseSerializer, responses={201: RegisterDaySerializer})
    def create(self, request: Request) -> Response:
        """Keep what a till stated at its day close; corrected figures replace the first."""
        asked = DayCloseSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        told = dict(asked.validated_data)
        day = operations.close_register_day(channel=told.pop("channel"), stated=DayClose(**told))
        answer = self.get_serializer(self.get_queryset().get(pk=day.pk))
        return Response(answer.data, status=status.HTTP_201_CREATED)

    @extend_schema(
        parameters=STRETCH, responses={200: UnclosedDaySerializer(many=True)}, filters=False
    )
    @action(detail=False, pagination_class=None)
    def unclosed(self, request: Request) -> Response:
        """List the days of registers that have receipts and no day close."""
        channel, first, last = _stretch(request)
        days = queries.unclosed_days(channel_ids=[channel.pk], first=first, last=last)
        rows = [
            {"channel": channel.code, "register": register, "business_on": day}
            for _, register, day in days
        ]
        return Response(UnclosedDaySerializer(rows, many=True).data)


def _stretch(request: Request) -> tuple[Channel, date, date]:
    asked = StretchSerializer(data=request.query_params)
    asked.is_valid(raise_exception=True)
    return (
        asked.validated_data["channel"],
        asked.validated_data["first"],
        asked.validated_data["last"],
    )


def _incoming(told: dict[str, Any]) -> IncomingReceipt:
    lines = [
        IncomingReceiptLine(external_line_id=row.pop("line_id"), **row)
        for row in map(dict, told.pop("lines"))
    ]
    tenders = [IncomingTender(**row) for row in told.pop("tenders")]
    customer = told.pop("customer").strip()
    receipt = IncomingReceipt(lines=tuple(lines), tenders=tuple(tenders), **told)
    return replace(receipt, buyer=IncomingBuyer(account=customer)) if customer else receipt


def register(router: BaseRouter) -> None:
    """Add the addresses of tills to the one router of the API."""
    router.register("receipts", ReceiptViewSet)
    router.register("register-days", RegisterDayViewSet)
