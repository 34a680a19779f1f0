"""The lists of buying, and what is done to orders and bills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.queries import variants_by_code
from purchasing import operations
from purchasing.api.serializers import (
    ClosedPurchaseLineSerializer,
    DeliverySerializer,
    GoodsReceiptSerializer,
    NewPurchaseOrderSerializer,
    PurchaseOrderChangeSerializer,
    PurchaseOrderSerializer,
    ReasonSerializer,
    SupplierInvoiceSerializer,
    SupplierProductSerializer,
    SupplierReturnSerializer,
    SupplierSerializer,
)
from purchasing.models import (
    GoodsReceipt,
    HeldGoods,
    PurchaseApproval,
    PurchaseOrder,
    PurchaseOrderCharge,
    PurchaseOrderLine,
    PurchaseOrderVersion,
    Supplier,
    SupplierInvoice,
    SupplierProduct,
    SupplierReturn,
)
from purchasing.operations import LineChange, NewCharge, NewLine, OrderChange, ReceivedLine
from purchasing.queries import IS_PROPOSAL
from purchasing.waking import wake_matching
from retail.common.api import KEY_HEADER, ReadOnlyViewSet, idempotency_key, may, person


class SupplierProductFilter(filters.FilterSet):
    supplier = filters.CharFilter(field_name="supplier__code")
    is_proposal = filters.BooleanFilter(
        method="proposals", label="Waits for somebody to say which of our articles it is"
    )

    def proposals(
        self,
        rows: QuerySet[SupplierProduct],
        _name: str,
        is_proposal: bool,  # noqa: FBT001 - django-filter's signature
    ) -> QuerySet[SupplierProduct]:
        return rows.filter(IS_PROPOSAL) if is_proposal else rows.exclude(IS_PROPOSAL)

    class Meta:
        model = SupplierProduct
        fields = ("supplier_sku", "variant", "gtin", "is_active")


class DocumentFilter(filters.FilterSet):
    """Narrow a list of documents; a generated number needs its filter named."""

    number = filters.CharFilter(field_name="number")
    supplier = filters.CharFilter(field_name="supplier__code")


class PurchaseOrderFilter(DocumentFilter):
    location = filters.CharFilter(field_name="location__code")

    class Meta:
        model = PurchaseOrder
        fields = ("status", "receipt_status", "invoice_status")


class GoodsReceiptFilter(DocumentFilter):
    location = filters.CharFilter(field_name="location__code")

    class Meta:
        model = GoodsReceipt
        fields = ("status", "delivery_note")


class SupplierReturnFilter(DocumentFilter):
    class Meta:
        model = SupplierReturn
        fields = ("status", "expects", "rma_number")


class SupplierInvoiceFilter(DocumentFilter):
    class Meta:
        model = SupplierInvoice
        fields = ("status", "kind", "supplier_number")


class SupplierViewSet(ReadOnlyViewSet):
    queryset = Supplier.objects.order_by("pk")
    serializer_class = SupplierSerializer
    filterset_fields = ("code", "is_active")


class SupplierProductViewSet(ReadOnlyViewSet):
    """What suppliers list, with every price, past and to come."""

    queryset = (
        SupplierProduct.objects.select_related("supplier", "variant")
        .prefetch_related("prices")
        .order_by("pk")
    )
    serializer_class = SupplierProductSerializer
    filterset_class = SupplierProductFilter


class PurchaseOrderViewSet(ReadOnlyViewSet):
    """Purchase orders, newest first."""

    queryset = (
        PurchaseOrder.objects.with_totals()
        .with_percent_done()
        .select_related("supplier", "location")
        .prefetch_related(
            Prefetch(
                "lines",
                PurchaseOrderLine.objects.select_related("variant").order_by("position"),
            ),
            Prefetch("charges", PurchaseOrderCharge.objects.order_by("pk")),
            Prefetch(
                "approvals",
                PurchaseApproval.objects.select_related("group").order_by("version", "pk"),
            ),
            Prefetch("versions", PurchaseOrderVersion.objects.order_by("version")),
        )
        .order_by("-pk")
    )
    serializer_class = PurchaseOrderSerializer
    filterset_class = PurchaseOrderFilter

    @extend_schema(
        request=NewPurchaseOrderSerializer,
        responses={201: PurchaseOrderSerializer},
        parameters=[KEY_HEADER],
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="raise",
        permission_classes=[may("purchasing.view_purchaseorder", "purchasing.add_purchaseorder")],
    )
    def raise_order(self, request: Request) -> Response:
        """Raise a draft order."""
        asked = _asked(NewPurchaseOrderSerializer, request)
        order = operations.create_purchase_order(
            supplier=asked["supplier"],
            location=asked["location"],
            lines=_new_lines(asked["lines"]),
            reference=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
            expected_on=asked["expected_on"],
            note=asked["note"],
            discount_percent=asked["discount_percent"],
            charges=[NewCharge(**row) for row in asked["charges"]],
        )
        return self._answer(order.pk, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=PurchaseOrderSerializer)
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[
            may("purchasing.view_purchaseorder", "purchasing.change_purchaseorder")
        ],
    )
    def submit(self, _request: Request, pk: str) -> Response:
        """Put a draft before somebody who may approve it."""
        return self._done(pk, operations.submit, at=timezone.now())

    @extend_schema(request=None, responses=PurchaseOrderSerializer)
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[
            may("purchasing.view_purchaseorder", "purchasing.approve_purchaseorder")
        ],
    )
    def approve(self, request: Request, pk: str) -> Response:
        """Release an order that somebody else raised."""
        return self._done(pk, operations.approve, at=timezone.now(), by=person(request))

    @extend_schema(request=None, responses=PurchaseOrderSerializer)
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[may("purchasing.view_purchaseorder", "purchasing.send_purchaseorder")],
    )
    def send(self, _request: Request, pk: str) -> Response:
        """Declare an approved order sent; it is e-mailed within a minute."""
        return self._done(pk, operations.send, at=timezone.now())

    @extend_schema(
        request=DeliverySerializer, responses={201: GoodsReceiptSerializer}, parameters=[KEY_HEADER]
    )
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[may("purchasing.view_purchaseorder", "purchasing.post_goodsreceipt")],
    )
    def receive(self, request: Request, pk: str) -> Response:
        """Take a delivery into stock."""
        order = get_object_or_404(PurchaseOrder, pk=pk)
        asked = _asked(DeliverySerializer, request)
        receipt = operations.receive_goods(
            order_id=order.pk,
            lines=[ReceivedLine(**row) for row in asked["lines"]],
            delivery_note=asked["delivery_note"],
            key=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
        )
        wake_matching()
        answer = GoodsReceiptSerializer(receipt)
        return Response(answer.data, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=PurchaseOrderChangeSerializer,
        responses=PurchaseOrderSerializer,
        parameters=[KEY_HEADER],
    )
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[
            may("purchasing.view_purchaseorder", "purchasing.change_purchaseorder")
        ],
    )
    def amend(self, request: Request, pk: str) -> Response:
        """Change an order that was sent: in force at once, or once somebody has approved it."""
        asked = _asked(PurchaseOrderChangeSerializer, request)
        return self._done(
            pk,
            operations.amend,
            reason=asked.pop("reason"),
            change=_order_change(asked),
            key=idempotency_key(request),
            at=timezone.now(),
            by=person(request),
        )

    @extend_schema(request=None, responses=PurchaseOrderSerializer)
    @action(
        detail=True,
        methods=["post"],
        url_path="approve-change",
        permission_classes=[
            may("purchasing.view_purchaseorder", "purchasing.approve_purchaseorder")
        ],
    )
    def approve_change(self, request: Request, pk: str) -> Response:
        """Approve a change that somebody else proposed."""
        return self._done(pk, operations.approve_change, at=timezone.now(), by=person(request))

    @extend_schema(request=ClosedPurchaseLineSerializer, responses=PurchaseOrderSerializer)
    @action(
        detail=True,
        methods=["post"],
        url_path="close-line",
        permission_classes=[
            may("purchasing.view_purchaseorder", "purchasing.change_purchaseorder")
        ],
    )
    def close_line(self, request: Request, pk: str) -> Response:
        """Expect no more of one line."""
        asked = _asked(ClosedPurchaseLineSerializer, request)
        line = get_object_or_404(PurchaseOrderLine, pk=asked["line_id"], order=pk)
        operations.close_line_short(
            line_id=line.pk, reason=asked["reason"], at=timezone.now(), by=person(request)
        )
        return self._answer(line.order_id, status.HTTP_200_OK)

    @extend_schema(request=ReasonSerializer, responses=PurchaseOrderSerializer)
    @action(
        detail=True,
        methods=["post"],
        url_path="close-short",
        permission_classes=[
            may("purchasing.view_purchaseorder", "purchasing.change_purchaseorder")
        ],
    )
    def close_short(self, request: Request, pk: str) -> Response:
        """End a sent order although not everything came."""
        reason = _asked(ReasonSerializer, request)["reason"]
        now, by = timezone.now(), person(request)
        return self._done(pk, operations.close_short, reason=reason, at=now, by=by)

    @extend_schema(request=ReasonSerializer, responses=PurchaseOrderSerializer)
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[
            may("purchasing.view_purchaseorder", "purchasing.change_purchaseorder")
        ],
    )
    def cancel(self, request: Request, pk: str) -> Response:
        """End an order of which nothing came."""
        reason = _asked(ReasonSerializer, request)["reason"]
        now, by = timezone.now(), person(request)
        return self._done(pk, operations.cancel, reason=reason, at=now, by=by)

    def _done(self, pk: str, act: Callable[..., Any], **facts: Any) -> Response:
        """Do it to the order the address names and answer with the order as it is now."""
        order = get_object_or_404(PurchaseOrder, pk=pk)
        act(order_id=order.pk, **facts)
        return self._answer(order.pk, status.HTTP_200_OK)

    def _answer(self, order_id: int, code: int) -> Response:
        order = self.get_queryset().get(pk=order_id)
        return Response(self.get_serializer(order).data, status=code)


class GoodsReceiptViewSet(ReadOnlyViewSet):
    """Deliveries, newest first."""

    queryset = (
        GoodsReceipt.objects.select_related("supplier", "location", "delivery")
        .prefetch_related(
            "lines",
            Prefetch("held_goods", HeldGoods.objects.select_related("variant", "location")),
        )
        .order_by("-pk")
    )
    serializer_class = GoodsReceiptSerializer
    filterset_class = GoodsReceiptFilter


class SupplierReturnViewSet(ReadOnlyViewSet):
    """Goods that go back to suppliers, newest first."""

    queryset = (
        SupplierReturn.objects.select_related("supplier")
        .prefetch_related("lines__variant", "lines__location")
        .order_by("-pk")
    )
    serializer_class = SupplierReturnSerializer
    filterset_class = SupplierReturnFilter


class SupplierInvoiceViewSet(ReadOnlyViewSet):
    """Suppliers' bills with what does not agree, newest first."""

    queryset = (
        SupplierInvoice.objects.select_related("supplier")
        .prefetch_related("lines", "exceptions")
        .order_by("-pk")
    )
    serializer_class = SupplierInvoiceSerializer
    filterset_class = SupplierInvoiceFilter

    @extend_schema(request=None, responses=SupplierInvoiceSerializer)
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[
            may("purchasing.view_supplierinvoice", "purchasing.match_supplierinvoice")
        ],
    )
    def match(self, _request: Request, pk: str) -> Response:
        """Set the bill against orders and receipts as they are now."""
        invoice = get_object_or_404(SupplierInvoice, pk=pk)
        operations.match_invoice(invoice_id=invoice.pk, at=timezone.now())
        return Response(self.get_serializer(self.get_queryset().get(pk=invoice.pk)).data)

    @extend_schema(request=None, responses=SupplierInvoiceSerializer)
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[
            may("purchasing.view_supplierinvoice", "purchasing.approve_supplierinvoice")
        ],
    )
    def approve(self, request: Request, pk: str) -> Response:
        """Release a matched bill that somebody else entered for payment."""
        invoice = get_object_or_404(SupplierInvoice, pk=pk)
        operations.approve_invoice(invoice_id=invoice.pk, at=timezone.now(), by=person(request))
        return Response(self.get_serializer(self.get_queryset().get(pk=invoice.pk)).data)


def _asked(serializer_class: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = serializer_class(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _new_lines(rows: list[dict[str, Any]]) -> list[NewLine]:
    variants = variants_by_code([row["sku"] for row in rows])
    if unknown := sorted({row["sku"] for row in rows} - variants.keys()):
        raise ValidationError({"lines": f"No article has the code {', '.join(unknown)}."})
    return [NewLine(variant_id=variants[row.pop("sku")], **row) for row in rows]


def _order_change(asked: dict[str, Any]) -> OrderChange:
    """Return the change that was asked for, what was left out unchanged."""
    if "lines" in asked:
        asked["lines"] = [LineChange(**row) for row in asked["lines"]]
    if "added" in asked:
        asked["added"] = _new_lines(asked["added"])
    if "charges" in asked:
        asked["charges"] = [NewCharge(**row) for row in asked["charges"]]
    return OrderChange(**asked)
