"""Orders over HTTP: read them, place one, ship one."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from inventory.models import Location
from orders import fulfillment_api, new_order_api, operations, pickups_api, tills_api
from orders.fulfillment_api import FulfillmentSerializer
from orders.models import (
    Order,
    OrderHold,
    OrderLine,
    Payment,
    PaymentEvent,
    Refund,
    RefundLine,
    Return,
    ReturnLine,
)
from orders.operations import ReceivedLine
from retail.common.api import KEY_HEADER, ReadOnlyViewSet, idempotency_key, may, person


class OrderLineSerializer(serializers.ModelSerializer[OrderLine]):
    sku = serializers.CharField(source="variant.sku", default=None, read_only=True)

    class Meta:
        model = OrderLine
        fields = (
            *("id", "external_line_id", "sku", "raw_sku", "name", "pack_size", "is_stocked"),
            *("ordered", "cancelled", "shipped", "returned"),
            *("unit_price", "discount", "tax", "total"),
        )


class OrderHoldSerializer(serializers.ModelSerializer[OrderHold]):
    class Meta:
        model = OrderHold
        fields = ("id", "line", "kind", "reason", "opened_at", "released_at", "release_note")


class OrderSerializer(serializers.ModelSerializer[Order]):
    channel = serializers.CharField(source="channel.code", read_only=True)
    pickup_location = serializers.CharField(
        source="pickup_location.code", default=None, read_only=True
    )
    lines = OrderLineSerializer(many=True, read_only=True)
    holds = OrderHoldSerializer(many=True, read_only=True)

    class Meta:
        model = Order
        fields = (
            *("id", "number", "channel", "external_id", "external_number", "customer"),
            *("lifecycle", "payment_status", "fulfillment_status", "return_status"),
            *("delivery", "pickup_location"),
            *("currency", "shipping_total", "discount_total", "tax_total", "total"),
            *("rounding_difference", "placed_at", "ship_by", "created_at", "lines", "holds"),
        )


class ReturnLineSerializer(serializers.ModelSerializer[ReturnLine]):
    class Meta:
        model = ReturnLine
        fields = (
            *("id", "order_line", "variant", "raw_sku", "name", "quantity", "received"),
            *("unit_price", "amount", "reason", "condition", "disposition"),
        )


class ReturnSerializer(serializers.ModelSerializer[Return]):
    channel = serializers.CharField(source="channel.code", read_only=True)
    location = serializers.CharField(source="location.code", default=None, read_only=True)
    lines = ReturnLineSerializer(many=True, read_only=True)

    class Meta:
        model = Return
        fields = (
            *("id", "number", "status", "channel", "external_id", "order", "customer"),
            *("location", "carrier", "tracking_number", "currency"),
            *("requested_at", "decided_at", "received_at", "closed_at", "lines"),
        )


class ReturnedPiecesSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="Of the return.")
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)
    condition = serializers.ChoiceField(
        choices=ReturnLine.Condition.choices, default=ReturnLine.Condition.UNCHECKED
    )
    disposition = serializers.ChoiceField(
        choices=ReturnLine.Disposition.choices,
        required=False,
        help_text="Back on the shelf when left out.",
    )


class ReceivedReturnSerializer(serializers.Serializer[Any]):
    location = serializers.SlugRelatedField(slug_field="code", queryset=Location.objects.all())
    lines = ReturnedPiecesSerializer(many=True, allow_empty=False)


class PaymentEventSerializer(serializers.ModelSerializer[PaymentEvent]):
    class Meta:
        model = PaymentEvent
        fields = ("kind", "amount", "reference", "note", "happened_at")


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    channel = serializers.CharField(source="channel.code", read_only=True)
    events = PaymentEventSerializer(many=True, read_only=True)

    class Meta:
        model = Payment
        fields = (
            *("id", "order", "channel", "external_id", "method", "provider", "register"),
            *("currency", "authorized", "charged", "refunded", "voided", "created_at", "events"),
        )


class RefundLineSerializer(serializers.ModelSerializer[RefundLine]):
    class Meta:
        model = RefundLine
        fields = ("line", "quantity", "amount")


class RefundSerializer(serializers.ModelSerializer[Refund]):
    lines = RefundLineSerializer(many=True, read_only=True)

    class Meta:
        model = Refund
        fields = (
            *("id", "number", "order", "returned_with", "external_id", "status", "amount"),
            *("currency", "reason", "limit", "granted_at", "approved_at", "route", "executed_at"),
            *("settled_at", "error", "lines"),
        )


class ShippedLineSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)


class ShipmentSerializer(serializers.Serializer[Any]):
    carrier = serializers.CharField(max_length=50, required=False, default="", allow_blank=True)
    tracking_number = serializers.CharField(
        max_length=100, required=False, default="", allow_blank=True
    )
    lines = ShippedLineSerializer(
        many=True, required=False, help_text="Everything promised at the location when left out."
    )


class OrderFilter(filters.FilterSet):
    """Narrow the list of orders."""

    channel = filters.CharFilter(field_name="channel__code")
    placed_from = filters.IsoDateTimeFilter(field_name="placed_at", lookup_expr="gte")
    placed_to = filters.IsoDateTimeFilter(field_name="placed_at", lookup_expr="lt")

    class Meta:
        model = Order
        fields = ("lifecycle", "fulfillment_status", "external_id", "external_number", "customer")


class OrderViewSet(ReadOnlyViewSet):
    """Orders of every channel, newest first."""

    queryset = (
        Order.objects.select_related("channel", "pickup_location")
        .prefetch_related("lines__variant", "holds")
        .order_by("-placed_at", "-pk")
    )
    serializer_class = OrderSerializer
    filterset_class = OrderFilter

    @extend_schema(
        request=new_order_api.NewOrderSerializer,
        responses={201: OrderSerializer},
        parameters=[KEY_HEADER],
    )
    @action(
        detail=False,
        methods=["post"],
        permission_classes=[may("orders.view_order", "orders.place_order")],
    )
    def place(self, request: Request) -> Response:
        """Place an order of our own: all of it is promised, or nothing is kept."""
        asked = new_order_api.NewOrderSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        order = new_order_api.place(
            asked=asked.validated_data,
            key=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
        )
        answer = self.get_serializer(self.get_queryset().get(pk=order.pk))
        return Response(answer.data, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=ShipmentSerializer,
        responses={201: FulfillmentSerializer},
        parameters=[KEY_HEADER],
    )
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[may("orders.view_order", "orders.ship_order")],
    )
    def ship(self, request: Request, pk: str) -> Response:
        """Send promised goods of the order from where it is served from."""
        order = get_object_or_404(Order, pk=pk)
        asked = ShipmentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        lines = asked.validated_data.get("lines")
        fulfillment = operations.ship(
            order_id=order.pk,
            quantities={row["line"]: row["quantity"] for row in lines} if lines else None,
            carrier=asked.validated_data["carrier"],
            tracking_number=asked.validated_data["tracking_number"],
            key=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
        )
        return Response(FulfillmentSerializer(fulfillment).data, status=status.HTTP_201_CREATED)


class ReturnViewSet(ReadOnlyViewSet):
    """What came back, or is announced, newest first."""

    queryset = (
        Return.objects.select_related("channel", "location")
        .prefetch_related("lines")
        .order_by("-pk")
    )
    serializer_class = ReturnSerializer
    filterset_fields = ("order", "customer", "location", "status", "tracking_number")

    @extend_schema(request=ReceivedReturnSerializer, responses=ReturnSerializer)
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[may("orders.view_return", "orders.register_return")],
    )
    def receive(self, request: Request, pk: str) -> Response:
        """Take in announced goods; the same said again answers with the return as it is."""
        announced = get_object_or_404(Return, pk=pk)
        asked = ReceivedReturnSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        returned = operations.receive_return(
            return_id=announced.pk,
            location=asked.validated_data["location"],
            lines=[
                ReceivedLine(
                    return_line_id=row["line"],
                    quantity=row["quantity"],
                    condition=row["condition"],
                    disposition=row.get("disposition", ""),
                )
                for row in asked.validated_data["lines"]
            ],
            at=timezone.now(),
            by=person(request),
        )
        return Response(self.get_serializer(self.get_queryset().get(pk=returned.pk)).data)


class PaymentViewSet(ReadOnlyViewSet):
    """What was paid and how, newest first."""

    queryset = (
        Payment.objects.select_related("channel")
        .prefetch_related("events")
        .order_by("-created_at", "-pk")
    )
    serializer_class = PaymentSerializer
    filterset_fields = ("order", "external_id", "method")


class RefundViewSet(ReadOnlyViewSet):
    """What is given back, newest first."""

    queryset = Refund.objects.prefetch_related("lines").order_by("-granted_at", "-pk")
    serializer_class = RefundSerializer
    filterset_fields = ("order", "returned_with", "status", "route")


def register(router: BaseRouter) -> None:
    """Add the addresses of this app to the one router of the API."""
    router.register("orders", OrderViewSet)
    fulfillment_api.register(router)
    router.register("payments", PaymentViewSet)
    pickups_api.register(router)
    router.register("refunds", RefundViewSet)
    router.register("returns", ReturnViewSet)
    tills_api.register(router)
