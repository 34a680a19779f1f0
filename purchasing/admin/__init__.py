"""Buying in the admin: suppliers, orders, receipts, invoices."""

from purchasing.admin import files, invoices, matches, orders, payables, receipts, suppliers

__all__ = ["files", "invoices", "matches", "orders", "payables", "receipts", "suppliers"]
