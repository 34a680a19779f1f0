"""Goods on their way out over HTTP: begin a wave, scan, pack and send."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from catalog.scanning import LONGEST_CODE
from inventory.models import Location
from orders import operations
from orders.models import Fulfillment, FulfillmentItem, FulfillmentLine, Parcel, PickList
from orders.operations import NewParcel
from retail.common.api import KEY_HEADER, ReadOnlyViewSet, idempotency_key, may, person
from retail.common.fields import MAX_UNITS

PARCELS_AT_MOST = 100
ORDERS_AT_MOST = 500
PICKS = may("orders.view_fulfillment", "orders.pick_fulfillment")


class ParcelSerializer(serializers.ModelSerializer[Parcel]):
    class Meta:
        model = Parcel
        fields = ("id", "carrier", "tracking_number", "tracking_url", "weight")


class FulfillmentLineSerializer(serializers.ModelSerializer[FulfillmentLine]):
    class Meta:
        model = FulfillmentLine
        fields = ("line", "quantity")


class FulfillmentItemSerializer(serializers.ModelSerializer[FulfillmentItem]):
    sku = serializers.CharField(source="variant.sku", read_only=True)

    class Meta:
        model = FulfillmentItem
        fields = ("variant", "sku", "units", "packed")


class FulfillmentSerializer(serializers.ModelSerializer[Fulfillment]):
    location = serializers.CharField(source="location.code", read_only=True)
    lines = FulfillmentLineSerializer(many=True, read_only=True)
    items = FulfillmentItemSerializer(many=True, read_only=True)
    parcels = ParcelSerializer(many=True, read_only=True)

    class Meta:
        model = Fulfillment
        fields = (
            *("id", "number", "order", "location", "method", "status", "pick_list"),
            *("packed_at", "shipped_at", "cancelled_at", "lines", "items", "parcels"),
        )


class PickListSerializer(serializers.ModelSerializer[PickList]):
    location = serializers.CharField(source="location.code", read_only=True)
    fulfillments: serializers.PrimaryKeyRelatedField[Fulfillment] = (
        serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    )

    class Meta:
        model = PickList
        fields = ("id", "number", "location", "started_at", "fulfillments")


class NewPickListSerializer(serializers.Serializer[Any]):
    location = serializers.SlugRelatedField(slug_field="code", queryset=Location.objects.all())
    orders = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        allow_empty=False,
        max_length=ORDERS_AT_MOST,
        help_text="Ids of orders; left out: those whose turn it is.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=ORDERS_AT_MOST, default=20)


class ScanSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=LONGEST_CODE, help_text="SKU, GTIN or barcode.")
    units = serializers.IntegerField(min_value=1, max_value=MAX_UNITS, default=1)


class NewParcelSerializer(serializers.Serializer[Any]):
    carrier = serializers.CharField(max_length=50)
    tracking_number = serializers.CharField(max_length=100)
    tracking_url = serializers.URLField(required=False, default="", allow_blank=True)
    weight = serializers.IntegerField(
        min_value=1, max_value=MAX_UNITS, required=False, default=None, allow_null=True
    )
    cost = serializers.DecimalField(
        max_digits=12, decimal_places=2, min_value=0, required=False, default=None, allow_null=True
    )


class ParcelsSerializer(serializers.Serializer[Any]):
    parcels = NewParcelSerializer(  # type: ignore[call-arg]  # the list of them has a length
        many=True, required=False, max_length=PARCELS_AT_MOST
    )


class FulfillmentViewSet(ReadOnlyViewSet):
    """What is on its way out and what left, newest first."""

    queryset = (
        Fulfillment.objects.select_related("location")
        .prefetch_related("lines", "items__variant", "parcels")
        .order_by("-pk")
    )
    serializer_class = FulfillmentSerializer
    filterset_fields = ("order", "location", "status", "pick_list")

    @extend_schema(
        request=ScanSerializer, responses={200: FulfillmentSerializer}, parameters=[KEY_HEADER]
    )
    @action(detail=True, methods=["post"], permission_classes=[PICKS])
    def scan(self, request: Request, pk: str) -> Response:
        """Count a unit that goes into the parcel; its `items` say what still lacks."""
        asked = ScanSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        operations.scan_unit(
            fulfillment_id=get_object_or_404(Fulfillment, pk=pk).pk,
            code=asked.validated_data["code"],
            units=asked.validated_data["units"],
            key=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
        )
        return self._answer(pk)

    @extend_schema(
        request=ParcelsSerializer, responses={200: FulfillmentSerializer}, parameters=[KEY_HEADER]
    )
    @action(detail=True, methods=["post"], permission_classes=[PICKS])
    def pack(self, request: Request, pk: str) -> Response:
        """Close the parcels, once every unit was scanned into them."""
        operations.pack(
            fulfillment_id=get_object_or_404(Fulfillment, pk=pk).pk,
            parcels=_parcels(request) or [],
            key=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
        )
        return self._answer(pk)

    @extend_schema(request=ParcelsSerializer, responses={200: FulfillmentSerializer})
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[may("orders.view_fulfillment", "orders.ship_order")],
    )
    def ship(self, request: Request, pk: str) -> Response:
        """Send what is packed; parcels that are named take the place of those known so far."""
        operations.ship_packed(
            fulfillment_id=get_object_or_404(Fulfillment, pk=pk).pk,
            parcels=_parcels(request),
            at=timezone.now(),
            by=person(request),
        )
        return self._answer(pk)

    def _answer(self, pk: str) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=pk)).data)


class PickListViewSet(ReadOnlyViewSet):
    """Walks for the goods of several orders, newest first."""

    queryset = (
        PickList.objects.select_related("location").prefetch_related("fulfillments").order_by("-pk")
    )
    serializer_class = PickListSerializer
    filterset_fields = ("location",)

    @extend_schema(
        request=NewPickListSerializer,
        responses={201: PickListSerializer},
        parameters=[KEY_HEADER],
    )
    @action(
        detail=False,
        methods=["post"],
        permission_classes=[may("orders.view_picklist", "orders.pick_fulfillment")],
    )
    def start(self, request: Request) -> Response:
        """Begin to pick orders at a location."""
        asked = NewPickListSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wave = operations.start_picking(
            location=asked.validated_data["location"],
            order_ids=asked.validated_data.get("orders"),
            limit=asked.validated_data["limit"],
            key=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
        )
        answer = self.get_serializer(self.get_queryset().get(pk=wave.pick_list.pk))
        return Response(answer.data, status=status.HTTP_201_CREATED)


def _parcels(request: Request) -> list[NewParcel] | None:
    """Return the parcels of a request, None when it names none."""
    asked = ParcelsSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    if "parcels" not in asked.validated_data:
        return None
    return [NewParcel(**row) for row in asked.validated_data["parcels"]]


def register(router: BaseRouter) -> None:
    """Add the addresses of goods on their way out to the one router of the API."""
    router.register("fulfillments", FulfillmentViewSet)
    router.register("pick-lists", PickListViewSet)
