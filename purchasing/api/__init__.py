"""Buying over HTTP: suppliers and their articles, orders, receipts, bills, and what is done."""

from rest_framework.routers import BaseRouter

from purchasing.api.replenishment import ReplenishmentProposalViewSet
from purchasing.api.views import (
    GoodsReceiptViewSet,
    PurchaseOrderViewSet,
    SupplierInvoiceViewSet,
    SupplierProductViewSet,
    SupplierReturnViewSet,
    SupplierViewSet,
)

__all__ = ["register"]


def register(router: BaseRouter) -> None:
    """Add the addresses of this app to the one router of the API."""
    router.register("suppliers", SupplierViewSet)
    router.register("supplier-products", SupplierProductViewSet)
    router.register("replenishment-proposals", ReplenishmentProposalViewSet)
    router.register("purchase-orders", PurchaseOrderViewSet)
    router.register("goods-receipts", GoodsReceiptViewSet)
    router.register("supplier-returns", SupplierReturnViewSet)
    router.register("supplier-invoices", SupplierInvoiceViewSet)
