"""Buying in the admin: suppliers, orders, receipts, invoices."""

from purchasing.admin import invoices, matches, payables

__all__ = ["invoices", "matches", "payables"]
