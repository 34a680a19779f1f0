"""Stock over the API: where things are, what is promised, and how it came to be."""

from __future__ import annotations

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.routers import BaseRouter

from inventory.models import (
    Allocation,
    Location,
    StockLevel,
    StockMovement,
    Transfer,
    TransferLine,
    WithdrawnPromise,
)
from retail.common.api import ReadOnlyViewSet


class LocationSerializer(serializers.ModelSerializer[Location]):
    class Meta:
        model = Location
        fields = ("id", "code", "name", "kind", "is_shipping", "is_pickup", "priority", "country")


class LocationViewSet(ReadOnlyViewSet):
    queryset = Location.objects.order_by("pk")
    serializer_class = LocationSerializer
    filterset_fields = ("code", "kind")


class StockLevelSerializer(serializers.ModelSerializer[StockLevel]):
    sku = serializers.CharField(source="variant.sku")
    available = serializers.IntegerField()

    class Meta:
        model = StockLevel
        fields = ("id", "variant", "sku", "location", "on_hand", "allocated", "available")


class StockLevelViewSet(ReadOnlyViewSet):
    queryset = StockLevel.objects.with_available().select_related("variant").order_by("pk")
    serializer_class = StockLevelSerializer
    filterset_fields = ("variant", "variant__sku", "location", "location__code")


class StockMovementSerializer(serializers.ModelSerializer[StockMovement]):
    """Without its cost, which not everybody who sees stock may see."""

    class Meta:
        model = StockMovement
        fields = ("id", "level", "kind", "quantity", "reference", "reason", "moved_at", "moved_by")


class StockMovementViewSet(ReadOnlyViewSet):
    queryset = StockMovement.objects.order_by("pk")
    serializer_class = StockMovementSerializer
    filterset_fields = ("level", "level__variant", "level__location", "kind", "reference")


class AllocationSerializer(serializers.ModelSerializer[Allocation]):
    class Meta:
        model = Allocation
        fields = (
            "id",
            "level",
            "reference",
            "units",
            "shipped",
            "released",
            "channel",
            "note",
            "allocated_at",
            "expires_at",
            "closed_at",
        )


class AllocationViewSet(ReadOnlyViewSet):
    queryset = Allocation.objects.order_by("pk")
    serializer_class = AllocationSerializer
    filterset_fields = ("level", "level__variant", "reference")


class WithdrawnPromiseSerializer(serializers.ModelSerializer[WithdrawnPromise]):
    class Meta:
        model = WithdrawnPromise
        fields = (
            "id",
            "allocation",
            "units",
            "cause",
            "reference",
            "reason",
            "withdrawn_at",
            "withdrawn_by",
            "settled_at",
        )


class WithdrawnPromiseViewSet(ReadOnlyViewSet):
    queryset = WithdrawnPromise.objects.order_by("pk")
    serializer_class = WithdrawnPromiseSerializer
    filterset_fields = ("allocation", "allocation__reference", "cause", "reference")


class TransferSerializer(serializers.ModelSerializer[Transfer]):
    class Meta:
        model = Transfer
        fields = (
            "id",
            "number",
            "from_location",
            "to_location",
            "transit",
            "status",
            "note",
            "expected_on",
            "created_at",
            "dispatched_at",
            "closed_at",
            "close_reason",
        )


class TransferFilter(filters.FilterSet):
    """Narrow the list of transfers; a generated number needs its filter named."""

    number = filters.CharFilter(field_name="number")

    class Meta:
        model = Transfer
        fields = (
            "status",
            "from_location",
            "from_location__code",
            "to_location",
            "to_location__code",
        )


class TransferViewSet(ReadOnlyViewSet):
    queryset = Transfer.objects.order_by("pk")
    serializer_class = TransferSerializer
    filterset_class = TransferFilter


class TransferLineSerializer(serializers.ModelSerializer[TransferLine]):
    sku = serializers.CharField(source="variant.sku")

    class Meta:
        model = TransferLine
        fields = ("id", "transfer", "variant", "sku", "quantity", "received", "lost")


class TransferLineFilter(filters.FilterSet):
    """Narrow the list of lines of transfers."""

    transfer__number = filters.CharFilter(field_name="transfer__number")

    class Meta:
        model = TransferLine
        fields = ("transfer", "transfer__status", "variant", "variant__sku")


class TransferLineViewSet(ReadOnlyViewSet):
    queryset = TransferLine.objects.select_related("variant").order_by("pk")
    serializer_class = TransferLineSerializer
    filterset_class = TransferLineFilter


def register(router: BaseRouter) -> None:
    """Put the app's lists on the router."""
    router.register("locations", LocationViewSet)
    router.register("stock-levels", StockLevelViewSet)
    router.register("stock-movements", StockMovementViewSet)
    router.register("allocations", AllocationViewSet)
    router.register("withdrawn-promises", WithdrawnPromiseViewSet)
    router.register("transfers", TransferViewSet)
    router.register("transfer-lines", TransferLineViewSet)
