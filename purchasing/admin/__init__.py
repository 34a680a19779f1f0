"""Buying in the admin: suppliers, orders, receipts, invoices, and what they mean for stock."""

from purchasing.admin import (
    approvals,
    deliveries,
    files,
    held,
    invoices,
    landed,
    matches,
    orders,
    payables,
    receipts,
    replenishment,
    stock,
    supplier_products,
    supplier_returns,
    suppliers,
    waiting,
)

__all__ = [
    "approvals",
    "deliveries",
    "files",
    "held",
    "invoices",
    "landed",
    "matches",
    "orders",
    "payables",
    "receipts",
    "replenishment",
    "stock",
    "supplier_products",
    "supplier_returns",
    "suppliers",
    "waiting",
]
