"""What buying shows and takes over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from inventory.models import Location
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    HeldGoods,
    MatchException,
    PurchaseApproval,
    PurchaseOrder,
    PurchaseOrderCharge,
    PurchaseOrderLine,
    PurchaseOrderVersion,
    Supplier,
    SupplierInvoice,
    SupplierInvoiceLine,
    SupplierPrice,
    SupplierProduct,
    SupplierReturn,
    SupplierReturnLine,
)
from retail.common.fields import MAX_UNITS


class SupplierSerializer(serializers.ModelSerializer[Supplier]):
    class Meta:
        model = Supplier
        # Bank account and tax number stay inside.
        fields = (
            *("id", "code", "name", "currency", "country", "language"),
            *("street", "postcode", "city", "payment_days", "discount_percent", "discount_days"),
            *("delivery_terms", "minimum_order_amount", "lead_time_days"),
            *("over_receipt_percent", "is_active"),
        )


class SupplierPriceSerializer(serializers.ModelSerializer[SupplierPrice]):
    class Meta:
        model = SupplierPrice
        fields = ("min_quantity", "unit_cost", "valid_from", "valid_to")


class SupplierProductSerializer(serializers.ModelSerializer[SupplierProduct]):
    supplier = serializers.CharField(source="supplier.code", read_only=True)
    sku = serializers.CharField(source="variant.sku", default=None, read_only=True)
    prices = SupplierPriceSerializer(many=True, read_only=True)

    class Meta:
        model = SupplierProduct
        fields = (
            *("id", "supplier", "supplier_sku", "sku", "gtin", "name", "pack_size"),
            *("minimum_quantity", "order_multiple", "lead_time_days", "rank"),
            *("available_units", "available_said_at", "back_in_stock_on", "seen_at"),
            *("declined_at", "is_active", "prices"),
        )


class PurchaseOrderLineSerializer(serializers.ModelSerializer[PurchaseOrderLine]):
    sku = serializers.CharField(source="variant.sku", read_only=True)

    class Meta:
        model = PurchaseOrderLine
        fields = (
            *("id", "position", "sku", "supplier_sku", "unit_cost", "list_cost"),
            *("discount_percent", "ordered", "cancelled", "received", "invoiced", "returned"),
            *("to_replace", "expected_on", "confirmed_on", "closed_at", "close_reason"),
        )


class PurchaseOrderChargeSerializer(serializers.ModelSerializer[PurchaseOrderCharge]):
    class Meta:
        model = PurchaseOrderCharge
        fields = ("kind", "description", "amount")


class PurchaseApprovalSerializer(serializers.ModelSerializer[PurchaseApproval]):
    role = serializers.CharField(source="group.name", default=None, read_only=True)

    class Meta:
        model = PurchaseApproval
        fields = ("version", "terms", "role", "asked_at", "approved_at")


class PurchaseOrderVersionSerializer(serializers.ModelSerializer[PurchaseOrderVersion]):
    class Meta:
        model = PurchaseOrderVersion
        fields = ("version", "status", "changes", "reason", "proposed_at", "decided_at")


class PurchaseOrderSerializer(serializers.ModelSerializer[PurchaseOrder]):
    supplier = serializers.CharField(source="supplier.code", read_only=True)
    location = serializers.CharField(source="location.code", read_only=True)
    lines = PurchaseOrderLineSerializer(many=True, read_only=True)
    charges = PurchaseOrderChargeSerializer(many=True, read_only=True)
    approvals = PurchaseApprovalSerializer(many=True, read_only=True)
    versions = PurchaseOrderVersionSerializer(many=True, read_only=True)
    total = serializers.DecimalField(max_digits=16, decimal_places=4, read_only=True)
    percent_received = serializers.IntegerField(read_only=True, allow_null=True)
    percent_invoiced = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = PurchaseOrder
        fields = (
            *("id", "number", "version", "supplier", "location", "status", "receipt_status"),
            *("invoice_status", "percent_received", "percent_invoiced", "currency", "total"),
            *("discount_percent", "expected_on", "supplier_reference", "confirmed_at", "note"),
            *("raised_at", "approved_at", "is_approved_by_rule", "sent_at", "emailed_at"),
            *("closed_at", "close_reason", "lines", "charges", "approvals", "versions"),
        )


class GoodsReceiptLineSerializer(serializers.ModelSerializer[GoodsReceiptLine]):
    class Meta:
        model = GoodsReceiptLine
        fields = (
            *("id", "order_line", "delivered", "accepted", "rejected", "reject_reason"),
            *("matched", "returned", "unit_cost", "value"),
        )


class HeldGoodsSerializer(serializers.ModelSerializer[HeldGoods]):
    sku = serializers.CharField(source="variant.sku", read_only=True, default=None)
    location = serializers.CharField(source="location.code", read_only=True)

    class Meta:
        model = HeldGoods
        fields = (
            *("id", "kind", "sku", "code", "location", "reject_reason", "note"),
            *("units", "accepted", "returned", "scrapped"),
        )


class GoodsReceiptSerializer(serializers.ModelSerializer[GoodsReceipt]):
    supplier = serializers.CharField(source="supplier.code", read_only=True)
    location = serializers.CharField(source="location.code", read_only=True)
    delivery = serializers.CharField(source="delivery.number", read_only=True, default=None)
    lines = GoodsReceiptLineSerializer(many=True, read_only=True)
    held_goods = HeldGoodsSerializer(many=True, read_only=True)

    class Meta:
        model = GoodsReceipt
        fields = (
            *("id", "number", "supplier", "location", "status", "delivery", "delivery_note"),
            *("over_receipt_percent", "is_over_allowed", "received_at"),
            *("reversed_at", "reverse_reason", "lines", "held_goods"),
        )


class SupplierReturnLineSerializer(serializers.ModelSerializer[SupplierReturnLine]):
    sku = serializers.CharField(source="variant.sku", default=None, read_only=True)
    location = serializers.CharField(source="location.code", read_only=True)

    class Meta:
        model = SupplierReturnLine
        fields = (
            *("id", "position", "sku", "location", "receipt_line", "held_goods", "units"),
            *("unit_credit", "stock_value", "credit_value", "credited", "replaced"),
        )


class SupplierReturnSerializer(serializers.ModelSerializer[SupplierReturn]):
    supplier = serializers.CharField(source="supplier.code", read_only=True)
    lines = SupplierReturnLineSerializer(many=True, read_only=True)

    class Meta:
        model = SupplierReturn
        fields = (
            *("id", "number", "supplier", "status", "expects", "currency", "reason"),
            *("rma_number", "tracking_number", "raised_at", "shipped_at", "ended_at", "lines"),
        )


class SupplierInvoiceLineSerializer(serializers.ModelSerializer[SupplierInvoiceLine]):
    class Meta:
        model = SupplierInvoiceLine
        fields = (
            *("id", "position", "kind", "order_number", "supplier_sku", "gtin", "description"),
            *("quantity", "unit_price", "net_amount", "tax_rate"),
        )


class MatchExceptionSerializer(serializers.ModelSerializer[MatchException]):
    class Meta:
        model = MatchException
        fields = (
            *("id", "invoice_line", "kind", "expected", "actual", "tolerance", "status"),
            *("raised_at", "decided_at", "reason"),
        )


class SupplierInvoiceSerializer(serializers.ModelSerializer[SupplierInvoice]):
    supplier = serializers.CharField(source="supplier.code", read_only=True)
    lines = SupplierInvoiceLineSerializer(many=True, read_only=True)
    exceptions = MatchExceptionSerializer(many=True, read_only=True)

    class Meta:
        model = SupplierInvoice
        fields = (
            *("id", "number", "supplier", "kind", "supplier_number", "status", "invoiced_on"),
            *("due_on", "currency", "net_total", "tax_total", "total", "captured_at"),
            *("approved_at", "paid_on", "lines", "exceptions"),
        )


class NewPurchaseLineSerializer(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=100, help_text="SKU, GTIN or barcode.")
    units = serializers.IntegerField(min_value=1, max_value=MAX_UNITS - 1)
    unit_cost = serializers.DecimalField(
        max_digits=16,
        decimal_places=4,
        min_value=0,
        required=False,
        allow_null=True,
        default=None,
        help_text="A net cost that was agreed, from which no discount is taken off.",
    )
    list_cost = serializers.DecimalField(
        max_digits=16,
        decimal_places=4,
        min_value=0,
        required=False,
        allow_null=True,
        default=None,
        help_text="Before discounts; the supplier's price for the quantity when left out.",
    )
    discount_percent = serializers.DecimalField(
        max_digits=7, decimal_places=3, min_value=0, required=False, default=Decimal(0)
    )
    expected_on = serializers.DateField(required=False, allow_null=True, default=None)


class NewPurchaseChargeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=PurchaseOrderCharge.Kind.choices)
    amount = serializers.DecimalField(max_digits=16, decimal_places=4, min_value=0)
    description = serializers.CharField(max_length=200, default="", allow_blank=True)


class PurchaseLineChangeSerializer(serializers.Serializer[Any]):
    line_id = serializers.IntegerField()
    units = serializers.IntegerField(min_value=0, max_value=MAX_UNITS - 1, required=False)
    unit_cost = serializers.DecimalField(
        max_digits=16, decimal_places=4, min_value=0, required=False
    )
    list_cost = serializers.DecimalField(
        max_digits=16, decimal_places=4, min_value=0, required=False
    )
    discount_percent = serializers.DecimalField(
        max_digits=7, decimal_places=3, min_value=0, required=False
    )
    expected_on = serializers.DateField(required=False, allow_null=True)


class PurchaseOrderChangeSerializer(serializers.Serializer[Any]):
    """What of a sent order becomes another; what is left out stays as it is."""

    reason = serializers.CharField(max_length=200)
    lines = PurchaseLineChangeSerializer(many=True, required=False)
    added = NewPurchaseLineSerializer(many=True, required=False)
    charges = NewPurchaseChargeSerializer(many=True, required=False)
    discount_percent = serializers.DecimalField(
        max_digits=7, decimal_places=3, min_value=0, required=False
    )
    expected_on = serializers.DateField(required=False, allow_null=True)
    note = serializers.CharField(required=False, allow_blank=True)


class ClosedPurchaseLineSerializer(serializers.Serializer[Any]):
    line_id = serializers.IntegerField()
    reason = serializers.CharField(max_length=200)


class NewPurchaseOrderSerializer(serializers.Serializer[Any]):
    supplier = serializers.SlugRelatedField(slug_field="code", queryset=Supplier.objects.all())
    location = serializers.SlugRelatedField(slug_field="code", queryset=Location.objects.all())
    expected_on = serializers.DateField(required=False, allow_null=True, default=None)
    note = serializers.CharField(required=False, allow_blank=True, default="")
    discount_percent = serializers.DecimalField(
        max_digits=7, decimal_places=3, min_value=0, required=False, default=Decimal(0)
    )
    lines = NewPurchaseLineSerializer(many=True, allow_empty=False)
    charges = NewPurchaseChargeSerializer(many=True, required=False, default=list)


class ReceivedLineSerializer(serializers.Serializer[Any]):
    order_line_id = serializers.IntegerField()
    accepted = serializers.IntegerField(min_value=0, max_value=MAX_UNITS - 1)
    rejected = serializers.IntegerField(min_value=0, max_value=MAX_UNITS - 1, default=0)
    reject_reason = serializers.CharField(max_length=200, default="", allow_blank=True)


class DeliverySerializer(serializers.Serializer[Any]):
    delivery_note = serializers.CharField(max_length=100, default="", allow_blank=True)
    lines = ReceivedLineSerializer(many=True, allow_empty=False)


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)
