"""What to buy over HTTP: looked at, and accepted into draft orders."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from purchasing import operations
from purchasing.api.serializers import PurchaseOrderSerializer
from purchasing.models import PurchaseOrder, ReplenishmentProposal
from retail.common.api import KEY_HEADER, ReadOnlyViewSet, idempotency_key, may, person
from retail.common.fields import MAX_UNITS


class ReplenishmentProposalSerializer(serializers.ModelSerializer[ReplenishmentProposal]):
    sku = serializers.CharField(source="variant.sku", read_only=True)
    location = serializers.CharField(source="location.code", read_only=True)
    supplier = serializers.CharField(source="supplier.code", read_only=True)
    supplier_sku = serializers.CharField(source="supplier_product.supplier_sku", read_only=True)
    order = serializers.CharField(source="order_line.order.number", default=None, read_only=True)

    class Meta:
        model = ReplenishmentProposal
        fields = (
            *("id", "status", "sku", "location", "supplier", "supplier_sku", "units"),
            *("unit_cost", "currency", "position", "reorder_point", "target", "inputs", "steps"),
            *("order", "reason", "dismissed_until", "decided_at"),
        )


class AcceptedProposalSerializer(serializers.Serializer[Any]):
    proposal = serializers.IntegerField(min_value=1)
    units = serializers.IntegerField(
        min_value=1, max_value=MAX_UNITS - 1, required=False, help_text="Instead of those proposed."
    )


class AcceptanceSerializer(serializers.Serializer[Any]):
    lines = AcceptedProposalSerializer(many=True, allow_empty=False)
    reason = serializers.CharField(
        max_length=200, required=False, default="", help_text="Why other units than proposed."
    )


class ReplenishmentProposalFilter(filters.FilterSet):
    supplier = filters.CharFilter(field_name="supplier__code")
    location = filters.CharFilter(field_name="location__code")
    sku = filters.CharFilter(field_name="variant__sku")

    class Meta:
        model = ReplenishmentProposal
        fields = ("status",)


class ReplenishmentProposalViewSet(ReadOnlyViewSet):
    """What should be bought and why, and what was decided about it; the newest first."""

    queryset = ReplenishmentProposal.objects.select_related(
        "variant", "location", "supplier", "supplier_product", "order_line__order"
    ).order_by("-pk")
    serializer_class = ReplenishmentProposalSerializer
    filterset_class = ReplenishmentProposalFilter

    @extend_schema(
        request=AcceptanceSerializer,
        responses={201: PurchaseOrderSerializer(many=True)},
        parameters=[KEY_HEADER],
    )
    @action(
        detail=False,
        methods=["post"],
        pagination_class=None,
        filterset_class=None,
        permission_classes=[
            may("purchasing.view_purchaseorder", "purchasing.decide_replenishmentproposal")
        ],
    )
    def accept(self, request: Request) -> Response:
        """Order what was proposed: one draft for each supplier and location."""
        asked = AcceptanceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        lines = asked.validated_data["lines"]
        orders = operations.accept_proposals(
            proposal_ids=[line["proposal"] for line in lines],
            units={line["proposal"]: line["units"] for line in lines if "units" in line},
            reason=asked.validated_data["reason"],
            key=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
        )
        shown = (
            PurchaseOrder.objects.filter(pk__in=[order.pk for order in orders])
            .select_related("supplier", "location")
            .prefetch_related("lines__variant")
            .order_by("pk")
        )
        answer = PurchaseOrderSerializer(shown, many=True, context=self.get_serializer_context())
        return Response(answer.data, status.HTTP_201_CREATED)
