"""The form in which an accountant types a supplier's invoice beside what was received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import Model
from django.forms.boundfield import BoundField
from django.forms.utils import ErrorDict
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from purchasing import operations, queries
from purchasing.models import (
    InvoiceDocument,
    PurchaseOrder,
    PurchaseOrderLine,
    Supplier,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from retail.common.admin import ActForm, Download, LineTable, PageAct
from retail.common.fields import MAX_UNITS
from retail.common.money import ZERO, round_amount

# Lines for what the order does not know: freight, a surcharge, goods nobody ordered.
EXTRA_LINES = ("a", "b", "c")
# Tax as it stands at the foot of the paper, for as many rates as most papers have.
TAX_ROWS = ("1", "2", "3")
HEADINGS = (
    "Article",
    "Received, not billed",
    "Quantity",
    "Unit price",
    "Net amount",
    "Tax %",
    "Takes away",
)
LineKind = SupplierInvoiceLine.Kind
Charge = SupplierInvoiceLine.Charge
# What an extra line is; a charge says which.
EXTRA_KINDS = (
    *Charge.choices,
    (LineKind.GOODS.value, "Goods"),
    (LineKind.SERVICE.value, "Service"),
)


def _amount(
    label: str,
    *,
    required: bool = True,
    initial: Decimal | None = None,
    least: int | None = 0,
    **options: Any,
) -> Any:
    return forms.DecimalField(
        label=label,
        min_value=least,
        max_digits=16,
        decimal_places=4,
        required=required,
        initial=initial,
        **options,
    )


def _rate() -> forms.DecimalField:
    return forms.DecimalField(min_value=0, max_digits=6, decimal_places=3, required=False)


class EnterInvoiceForm(ActForm):
    """
    What is printed on the paper; the order's lines come filled in with what was received.

    Sent with an order and no lines, it comes back with the lines to be compared with the paper.
    """

    order = forms.ModelChoiceField(
        label="Purchase order",
        queryset=PurchaseOrder.objects.filter(status__in=operations.BILLED_ORDERS),
        required=False,
        widget=AutocompleteSelect(PurchaseOrderLine._meta.get_field("order"), admin.site),  # noqa: SLF001 - Django's documented model API
        help_text="Choose it and confirm once: its lines come filled in with what was received.",
    )
    supplier = forms.ModelChoiceField(
        queryset=Supplier.objects.order_by("name", "pk"),
        required=False,
        help_text="Only needed when no order is named.",
    )
    kind = forms.ChoiceField(choices=SupplierInvoice.Kind.choices)
    supplier_number = forms.CharField(
        label="Number", max_length=100, help_text="As printed on the document."
    )
    invoiced_on = forms.DateField(label="Date of the document")
    currency = forms.CharField(
        max_length=3, required=False, help_text="Empty: the supplier's, such as EUR."
    )
    net_total = _amount("Net total")
    tax_total = _amount("Tax", initial=ZERO)
    total = _amount("Total with tax")
    stated_due_on = forms.DateField(
        label="Due by", required=False, help_text="As printed. Empty: by the supplier's terms."
    )
    iban = forms.CharField(
        label="IBAN",
        max_length=42,
        required=False,
        help_text="The account it asks to be paid to; compared with the supplier's.",
    )
    payment_reference = forms.CharField(label="Reference to name", max_length=140, required=False)
    prepaid_total = _amount("Paid already", required=False)
    rounding = _amount(
        "Rounding", required=False, least=None, help_text="Added or taken off to pay a round sum."
    )
    delivery_note = forms.CharField(max_length=100, required=False)
    source = forms.ModelChoiceField(
        label="File",
        queryset=InvoiceDocument.objects.filter(status=InvoiceDocument.Status.NEEDS_PERSON),
        required=False,
        widget=AutocompleteSelect(SupplierInvoice._meta.get_field("source"), admin.site),  # noqa: SLF001 - Django's documented model API
        help_text="The file it is read off, which ends with it.",
    )
    duplicate_reason = forms.CharField(
        label="Why the same number again",
        max_length=200,
        required=False,
        help_text="Only when this number was entered before and that is right.",
    )

    def __init__(self, *args: Any, document: Model | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        order = self._chosen_order()
        self._order_lines: list[PurchaseOrderLine] = (
            [] if order is None else list(queries.lines_to_bill(order.pk))
        )
        for line in self._order_lines:
            waiting = max(line.received - line.invoiced, 0)
            self._add_line(str(line.pk), quantity=waiting or None, unit_price=line.unit_cost)
        for key in EXTRA_LINES:
            self._add_line(key)
            self.fields[f"kind_{key}"] = forms.ChoiceField(
                choices=EXTRA_KINDS, initial=Charge.FREIGHT, required=False
            )
            self.fields[f"away_{key}"] = forms.BooleanField(required=False)
            self.fields[f"sku_{key}"] = forms.CharField(
                max_length=100,
                required=False,
                widget=forms.TextInput(attrs={"placeholder": "SKU or description"}),
            )
        for key in TAX_ROWS:
            self.fields[f"rate_of_tax_{key}"] = _rate()
            self.fields[f"amount_of_tax_{key}"] = _amount("Tax", required=False, least=None)
        self._is_first_look = self.is_bound and any(
            f"quantity_{line.pk}" not in self.data for line in self._order_lines
        )
        if self._is_first_look:
            self._fill_in()

    def line_table(self) -> LineTable:
        known: list[Sequence[str | BoundField]] = [
            (
                f"{line.variant.sku} {line.variant.product.name}",
                str(max(line.received - line.invoiced, 0)),
                *self._cells(str(line.pk)),
                "",
            )
            for line in self._order_lines
        ]
        extra = [
            (self[f"sku_{key}"], self[f"kind_{key}"], *self._cells(key), self[f"away_{key}"])
            for key in EXTRA_LINES
        ]
        taxes = [
            (
                "Tax of a rate, as printed",
                *("", "", ""),
                self[f"amount_of_tax_{key}"],
                self[f"rate_of_tax_{key}"],
                "",
            )
            for key in TAX_ROWS
        ]
        return LineTable(headings=HEADINGS, rows=[*known, *extra, *taxes])

    def full_clean(self) -> None:
        super().full_clean()
        if self._is_first_look:
            self._errors = ErrorDict()
            self.add_error(
                None, "The lines are filled in with what was received: correct them to the paper."
            )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        order, supplier = cleaned.get("order"), cleaned.get("supplier")
        if order and supplier and order.supplier_id != supplier.pk:
            self.add_error("supplier", f"{order} went to {order.supplier}.")
        cleaned["supplier"] = order.supplier if order else supplier
        if cleaned["supplier"] is None:
            self.add_error("order", "Choose the order, or the supplier when there is none.")
            return cleaned
        cleaned["currency"] = cleaned.get("currency", "").upper() or cleaned["supplier"].currency
        cleaned["lines"] = self._entered_lines(cleaned, order)
        if not cleaned["lines"]:
            self.add_error(None, "Enter at least one line with a quantity.")
        cleaned["taxes"] = self._entered_taxes(cleaned)
        return cleaned

    def _chosen_order(self) -> PurchaseOrder | None:
        stated = self.data.get("order") if self.is_bound else self.initial.get("order")
        if not str(stated or "").isdecimal():
            return None
        return self.fields["order"].queryset.filter(pk=stated).first()

    def _add_line(
        self, key: str, *, quantity: int | None = None, unit_price: Decimal | None = None
    ) -> None:
        self.fields[f"quantity_{key}"] = forms.IntegerField(
            min_value=0, max_value=MAX_UNITS - 1, required=False, initial=quantity
        )
        self.fields[f"price_{key}"] = _amount("Price", required=False, initial=unit_price)
        self.fields[f"net_{key}"] = _amount("Net", required=False)
        self.fields[f"net_{key}"].widget.attrs["placeholder"] = "quantity x price"
        self.fields[f"tax_{key}"] = _rate()

    def _cells(self, key: str) -> list[BoundField]:
        return [self[f"{name}_{key}"] for name in ("quantity", "price", "net", "tax")]

    def _fill_in(self) -> None:
        """Answer a form without lines with the lines: a bound form shows no initial values."""
        self.data = self.data.copy()
        for line in self._order_lines:
            for name in ("quantity", "price"):
                initial = self.fields[f"{name}_{line.pk}"].initial
                self.data[f"{name}_{line.pk}"] = "" if initial is None else str(initial)

    def _entered_lines(
        self, cleaned: Mapping[str, Any], order: PurchaseOrder | None
    ) -> list[operations.NewInvoiceLine]:
        number = order.number if order else ""
        known = [
            self._entered_line(
                cleaned,
                str(line.pk),
                order_number=number,
                supplier_sku=line.supplier_sku or line.variant.sku,
                description=line.variant.product.name[:300],
            )
            for line in self._order_lines
        ]
        extra = [
            self._entered_line(
                cleaned,
                key,
                **_what_it_is(cleaned.get(f"kind_{key}", "")),
                order_number=number,
                supplier_sku=cleaned.get(f"sku_{key}", ""),
                description=cleaned.get(f"sku_{key}", ""),
            )
            for key in EXTRA_LINES
        ]
        return [line for line in known + extra if line is not None]

    def _entered_taxes(self, cleaned: Mapping[str, Any]) -> list[operations.NewInvoiceTax]:
        """Return the taxes that were typed, each of what its lines come to."""
        taxes = []
        for key in TAX_ROWS:
            rate, tax = cleaned.get(f"rate_of_tax_{key}"), cleaned.get(f"amount_of_tax_{key}")
            if rate is None and tax is None:
                continue
            if rate is None or tax is None:
                missing = "rate" if rate is None else "amount"
                self.add_error(f"{missing}_of_tax_{key}", "Enter rate and tax, or neither.")
                continue
            taxable = sum(
                (
                    -line.net_amount if line.is_deduction else line.net_amount
                    for line in cleaned["lines"]
                    if line.tax_rate == rate
                ),
                ZERO,
            )
            taxes.append(operations.NewInvoiceTax(rate=rate, taxable=taxable, tax=tax))
        return taxes

    def _entered_line(
        self, cleaned: Mapping[str, Any], key: str, **stated: str
    ) -> operations.NewInvoiceLine | None:
        quantity = cleaned.get(f"quantity_{key}")
        if not quantity:
            return None
        unit_price, net_amount = cleaned.get(f"price_{key}"), cleaned.get(f"net_{key}")
        if unit_price is None and net_amount is None:
            self.add_error(f"price_{key}", "What does one cost?")
            return None
        if net_amount is None:
            net_amount = round_amount(quantity * unit_price, cleaned["currency"])
        return operations.NewInvoiceLine(
            quantity=quantity,
            unit_price=net_amount / quantity if unit_price is None else unit_price,
            net_amount=net_amount,
            tax_rate=cleaned.get(f"tax_{key}") or ZERO,
            is_deduction=bool(cleaned.get(f"away_{key}"))
            or stated.get("charge") == Charge.DISCOUNT,
            delivery_note=cleaned.get("delivery_note", ""),
            **stated,
        )


def _what_it_is(chosen: str) -> dict[str, str]:
    """Return kind and charge of an extra line; what is not chosen is some charge."""
    if chosen in {LineKind.GOODS, LineKind.SERVICE}:
        return {"kind": chosen}
    return {"kind": LineKind.CHARGE, "charge": chosen or Charge.OTHER}


def enter_invoice(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, SupplierInvoice]:
    """Store the document and match it at once; warn of another one over the same total."""
    printed = {
        "supplier": cleaned["supplier"],
        "kind": cleaned["kind"],
        "supplier_number": cleaned["supplier_number"],
        "invoiced_on": cleaned["invoiced_on"],
        "currency": cleaned["currency"],
        "lines": cleaned["lines"],
        "taxes": cleaned["taxes"],
        "net_total": cleaned["net_total"],
        "tax_total": cleaned["tax_total"],
        "total": cleaned["total"],
        "stated_due_on": cleaned["stated_due_on"],
        "prepaid_total": cleaned["prepaid_total"] or ZERO,
        "rounding": cleaned["rounding"] or ZERO,
        "iban": cleaned["iban"],
        "payment_reference": cleaned["payment_reference"],
        "duplicate_reason": cleaned["duplicate_reason"],
    }
    if cleaned["source"]:
        invoice = operations.enter_document(
            document_id=cleaned["source"].pk, at=now, by=request.user, **printed
        )
    else:
        invoice = operations.capture_invoice(at=now, by=request.user, **printed)
    invoice = operations.match_invoice(invoice_id=invoice.pk, at=now)
    for alike in queries.invoices_like(invoice)[:3]:
        messages.warning(
            request, f"{alike.number} of {alike.invoiced_on} is over the same total: the same bill?"
        )
    return f"{invoice.number} entered: {invoice.get_status_display().lower()}.", invoice


ENTER_INVOICE = PageAct(
    name="enter-invoice",
    label="Enter invoice",
    permission="purchasing.add_supplierinvoice",
    perform=enter_invoice,
    form=EnterInvoiceForm,
    icon="add",
)


def open_invoice_form(_request: HttpRequest, order: PurchaseOrder) -> HttpResponseRedirect:
    """Lead from an order to the form with its lines filled in."""
    form_url = reverse("admin:purchasing_supplierinvoice_page_act", args=[ENTER_INVOICE.name])
    return HttpResponseRedirect(f"{form_url}?order={order.pk}")


def can_be_billed(order: PurchaseOrder) -> bool:
    return order.status in operations.BILLED_ORDERS


# For the page of a purchase order.
BILL_ORDER = Download(
    name="enter-invoice",
    label="Enter its invoice",
    permission=ENTER_INVOICE.permission,
    open=open_invoice_form,
    is_offered=can_be_billed,
    icon="request_quote",
)
