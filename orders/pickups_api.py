"""Orders that are collected, over HTTP: read them, make them ready, hand them over."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from orders import operations, queries
from orders.models import Pickup
from orders.operations import PaidAtPickup
from retail.common.api import KEY_HEADER, ReadOnlyViewSet, idempotency_key, may, person

HANDS_OVER = may("orders.view_pickup", "orders.hand_over_fulfillment")


class PickupSerializer(serializers.ModelSerializer[Pickup]):
    """A pickup without its code: the customer proves themselves with it."""

    order_number = serializers.CharField(source="order.number", read_only=True)
    location = serializers.CharField(source="order.pickup_location.code", read_only=True)

    class Meta:
        model = Pickup
        fields = (
            *("id", "order", "order_number", "location", "status", "is_curbside"),
            *("collector_name", "promised_at", "ready_at", "expires_at", "expiry_proposed_at"),
            *("messages_sent", "last_message_at", "arrived_at", "vehicle", "bay"),
            *("collected_at", "proof", "handed_to"),
        )


class PaidNowSerializer(serializers.Serializer[Any]):
    amount = serializers.DecimalField(max_digits=16, decimal_places=4, help_text="Of the order.")
    method = serializers.CharField(max_length=50, help_text="CASH for cash at a till.")
    register = serializers.CharField(max_length=50)
    receipt = serializers.CharField(max_length=40)


class HandOverSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(
        max_length=20, required=False, default="", allow_blank=True, help_text="As they tell it."
    )
    handed_to = serializers.CharField(
        max_length=200,
        required=False,
        default="",
        allow_blank=True,
        help_text="The name on the document that they show, without the code.",
    )
    payment = PaidNowSerializer(required=False, allow_null=True, default=None)


class PickupFilter(filters.FilterSet):
    """Narrow the list of pickups."""

    location = filters.CharFilter(field_name="order__pickup_location__code")
    is_overdue = filters.BooleanFilter(method="keep_overdue", label="Not ready in time.")

    class Meta:
        model = Pickup
        fields = ("status", "order", "is_curbside")

    def keep_overdue(
        self,
        pickups: QuerySet[Pickup],
        _name: str,
        is_overdue: bool,  # noqa: FBT001 - as the filter calls it
    ) -> QuerySet[Pickup]:
        overdue = queries.pickups_overdue(at=timezone.now()).values("pk")
        return pickups.filter(pk__in=overdue) if is_overdue else pickups.exclude(pk__in=overdue)


class PickupViewSet(ReadOnlyViewSet):
    """Orders that customers collect, newest first."""

    queryset = Pickup.objects.select_related("order__pickup_location").order_by("-pk")
    serializer_class = PickupSerializer
    filterset_class = PickupFilter

    @extend_schema(request=None, responses=PickupSerializer, parameters=[KEY_HEADER])
    @action(detail=True, methods=["post"], permission_classes=[HANDS_OVER])
    def ready(self, request: Request, pk: str) -> Response:
        """Say that all goods of the order lie ready; its customer is told."""
        pickup = get_object_or_404(Pickup, pk=pk)
        operations.mark_ready(
            order_id=pickup.order_id,
            key=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
        )
        return self._answer(pickup)

    @extend_schema(request=HandOverSerializer, responses=PickupSerializer)
    @action(detail=True, methods=["post"], permission_classes=[HANDS_OVER])
    def hand_over(self, request: Request, pk: str) -> Response:
        """Hand the order over against its code or a name; again answers with it as it is."""
        pickup = get_object_or_404(Pickup, pk=pk)
        asked = HandOverSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        payment = asked.validated_data["payment"]
        operations.hand_over(
            order_id=pickup.order_id,
            code=asked.validated_data["code"],
            handed_to=asked.validated_data["handed_to"],
            payment=PaidAtPickup(**payment) if payment else None,
            at=timezone.now(),
            by=person(request),
        )
        return self._answer(pickup)

    def _answer(self, pickup: Pickup) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=pickup.pk)).data)


def register(router: BaseRouter) -> None:
    """Add the addresses of pickups to the one router of the API."""
    router.register("pickups", PickupViewSet)
