"""What early payment takes off a supplier's document."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from purchasing.models import SupplierInvoice
from retail.common.money import ZERO, round_amount


def discount_ends_on(invoice: SupplierInvoice) -> date | None:
    """Return the last day on which paying is early; None when the terms know no discount."""
    supplier = invoice.supplier
    if not supplier.discount_percent:
        return None
    return invoice.invoiced_on + timedelta(days=supplier.discount_days)


def early_discount(invoice: SupplierInvoice, on: date) -> Decimal:
    """Return what is taken off when it is paid on a day, without sign, in its currency."""
    last = discount_ends_on(invoice)
    if last is None or on > last or invoice.payable <= 0:
        return ZERO
    percent = invoice.supplier.discount_percent
    return round_amount(invoice.payable * percent / 100, invoice.currency)
