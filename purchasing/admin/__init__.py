"""Buying in the admin: suppliers, orders, receipts, invoices."""

from purchasing.admin import files, invoices, landed, matches, orders, payables, receipts, suppliers

__all__ = ["files", "invoices", "landed", "matches", "orders", "payables", "receipts", "suppliers"]
