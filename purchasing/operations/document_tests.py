"""Laying the charges and totals of bills beside those of their orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Sum

from purchasing.line_parts import Terms
from purchasing.matching_facts import InvoiceLineFacts, OrderLineFacts
from purchasing.models import (
    MatchAllocation,
    MatchLevel,
    PurchaseOrderCharge,
    SupplierInvoice,
    SupplierInvoiceLine,
    SupplierInvoiceTax,
)
from purchasing.operations.pools import MATCHABLE, PAYABLE, Pool
from purchasing.splitting import Share
from purchasing.tolerances import Beyond, Policies
from purchasing.total_tests import (
    ChargedDocument,
    ChargeLine,
    ChargeOutcome,
    HeaderLine,
    StatedTotals,
    charge_differences,
    header_differences,
)
from retail.common.money import ZERO, round_rate

OTHER = PurchaseOrderCharge.Kind.OTHER


def document_differences(
    pool: Pool,
    shares: Sequence[Share],
    terms: Mapping[int, Terms],
    documents: Mapping[int, SupplierInvoice],
    policies: Policies,
) -> Iterator[tuple[int, Beyond]]:
    """Yield invoice id and what of its charges and totals is beyond the limits."""
    limits = policies.for_document(pool.supplier_id)
    if limits.match_level == MatchLevel.NONE:
        return
    charged = ChargeOutcome({}, {})
    if pool.charge_lines:
        charged = charge_differences(
            _charged(pool, shares, documents, policies), _ordered_charges(pool)
        )
        for invoice_id, differences in charged.beyond.items():
            yield from ((invoice_id, beyond) for beyond in differences)
    bills = {
        pk: invoice
        for pk, invoice in documents.items()
        if invoice.kind == SupplierInvoice.Kind.INVOICE
    }
    if limits.tests_header and bills:
        taxes = _stated_taxes(bills)
        for invoice_id, lines in _header_lines(pool, shares, terms, bills, charged).items():
            totals = _totals(bills[invoice_id], taxes.get(invoice_id, {}))
            for beyond in header_differences(lines, totals, limits):
                yield invoice_id, beyond


def _charged(
    pool: Pool,
    shares: Sequence[Share],
    documents: Mapping[int, SupplierInvoice],
    policies: Policies,
) -> list[ChargedDocument]:
    """Return the documents with charges, what is payable first, then by date and number."""
    lines_of: dict[int, list[InvoiceLineFacts]] = defaultdict(list)
    for line in sorted(pool.charge_lines, key=lambda line: line.position):
        if pool.invoices[line.invoice_id].status in {*MATCHABLE, *PAYABLE}:
            lines_of[line.invoice_id].append(line)
    orders_of = _orders_of(pool, shares, lines_of)
    served = sorted(
        (pool.invoices[pk] for pk in lines_of),
        key=lambda one: (one.status in MATCHABLE, one.invoiced_on, one.number_normalised, one.pk),
    )
    return [
        ChargedDocument(
            id=invoice.pk,
            currency=invoice.currency,
            lines=[
                ChargeLine(
                    line_id=line.id,
                    kind=line.charge or OTHER,
                    amount=-line.net_amount if pool.gives_back(line) else line.net_amount,
                    order_ids=_orders_of_charge(pool, line, orders_of[invoice.pk], invoice),
                )
                for line in lines_of[invoice.pk]
            ],
            limits=policies.for_document(pool.supplier_id),
            is_tested=invoice.pk in documents,
        )
        for invoice in served
    ]


def _orders_of(
    pool: Pool, shares: Sequence[Share], lines_of: Mapping[int, object]
) -> dict[int, set[int]]:
    """Return invoice id -> the orders that its goods are set against, here or before."""
    found: dict[int, set[int]] = defaultdict(set)
    order_of = {line.id: line.order_id for line in pool.order_lines}
    for line_id, order_line_id, _, _ in shares:
        if (invoice_id := pool.lines[line_id].invoice_id) in lines_of:
            found[invoice_id].add(order_of[order_line_id])
    elsewhere = MatchAllocation.objects.filter(invoice_line__invoice__in=list(lines_of))
    for line_id, invoice_id, order_id in elsewhere.values_list(
        "invoice_line", "invoice_line__invoice", "order_line__order"
    ):
        if line_id not in pool.lines:
            found[invoice_id].add(order_id)
    return found


def _orders_of_charge(
    pool: Pool, line: InvoiceLineFacts, billed: set[int], invoice: SupplierInvoice
) -> list[int]:
    """Return the orders a charge may be of: the one it names, else those its bill is about."""
    named = {order.id for order in pool.numbers.named(line.order_number)}
    return [
        order_id
        for order_id in sorted(named or billed)
        if order_id in pool.orders and pool.orders[order_id].currency == invoice.currency
    ]


def _ordered_charges(pool: Pool) -> dict[tuple[int, str], Decimal]:
    rows = (
        PurchaseOrderCharge.objects.filter(order__in=list(pool.orders))
        .order_by("order", "kind")
        .values("order", "kind")
        .annotate(in_all=Sum("amount"))
        .values_list("order", "kind", "in_all")
    )
    return {(order_id, kind): amount for order_id, kind, amount in rows}


class _Expected(NamedTuple):
    """What order prices make of a line: units found, their value, and that before a discount."""

    units: int = 0
    value: Decimal = ZERO
    before_discount: Decimal = ZERO

    def plus(self, units: int, unit_cost: Decimal, before_discount: Decimal) -> _Expected:
        return _Expected(
            self.units + units,
            self.value + units * unit_cost,
            self.before_discount + units * before_discount,
        )


def _header_lines(
    pool: Pool,
    shares: Sequence[Share],
    terms: Mapping[int, Terms],
    bills: Mapping[int, SupplierInvoice],
    charged: ChargeOutcome,
) -> dict[int, list[HeaderLine]]:
    """Return invoice id -> its lines beside the order's prices; of bills on no order none."""
    expected = _expected(pool, shares, terms, bills)
    rows = SupplierInvoiceLine.objects.filter(invoice__in=list(bills)).values_list(
        *InvoiceLineFacts._fields
    )
    found: dict[int, list[HeaderLine]] = defaultdict(list)
    on_orders = set()
    for line in map(InvoiceLineFacts._make, rows):
        if line.id in expected:
            on_orders.add(line.invoice_id)
        found[line.invoice_id].append(
            _header_line(line, expected.get(line.id), charged.provided.get(line.id))
        )
    return {invoice_id: found[invoice_id] for invoice_id in sorted(on_orders)}


def _header_line(
    line: InvoiceLineFacts, expected: _Expected | None, provided: Decimal | None
) -> HeaderLine:
    sign = -1 if line.is_deduction else 1
    actual = sign * line.net_amount
    value = before_discount = actual
    if line.is_charge and provided is not None:
        value = before_discount = provided
    elif expected is not None and not line.is_price_only:
        # Units that are on no order line are expected as they stand, they have their own finding.
        missing = (line.quantity - expected.units) * line.net_amount / line.quantity
        value = sign * (expected.value + missing)
        before_discount = sign * (expected.before_discount + missing)
    return HeaderLine(
        actual=actual,
        expected=value,
        before_discount=before_discount,
        tax_rate=line.tax_rate,
        is_charge=line.is_charge and not line.is_discount,
        is_discount=line.is_discount,
    )


def _expected(
    pool: Pool,
    shares: Sequence[Share],
    terms: Mapping[int, Terms],
    bills: Mapping[int, SupplierInvoice],
) -> dict[int, _Expected]:
    """Return invoice line id -> what the orders' prices make of it, here or as set before."""
    found: dict[int, _Expected] = defaultdict(_Expected)
    before = {line.id: _before_discount(pool, line) for line in pool.order_lines}
    for line_id, order_line_id, _, units in shares:
        if pool.lines[line_id].invoice_id in bills:
            unit_cost = terms[order_line_id].unit_cost
            found[line_id] = found[line_id].plus(units, unit_cost, before[order_line_id])
    elsewhere = MatchAllocation.objects.filter(
        invoice_line__invoice__in=[pk for pk in bills if pk not in pool.seeds]
    ).values_list(
        "invoice_line",
        "units",
        "order_line__unit_cost",
        "order_line__list_cost",
        "order_line__discount_percent",
        "order_line__order__discount_percent",
    )
    for line_id, units, unit_cost, list_cost, percent, of_order in elsewhere:
        if line_id not in pool.lines:
            gross = _gross(unit_cost, list_cost, percent, of_order)
            found[line_id] = found[line_id].plus(units, unit_cost, gross)
    return dict(found)


def _before_discount(pool: Pool, line: OrderLineFacts) -> Decimal:
    of_order = pool.orders[line.order_id].discount_percent
    return _gross(line.unit_cost, line.list_cost, line.discount_percent, of_order)


def _gross(
    unit_cost: Decimal, list_cost: Decimal | None, percent: Decimal, of_order: Decimal
) -> Decimal:
    """Return a unit's cost before the discount of the whole order, where that is known."""
    if list_cost is None or not of_order:
        return unit_cost
    return round_rate(list_cost * (100 - percent) / 100)


def _stated_taxes(bills: Mapping[int, SupplierInvoice]) -> dict[int, dict[Decimal, Decimal]]:
    """Return invoice id -> rate -> the tax that the document states."""
    rows = (
        SupplierInvoiceTax.objects.filter(invoice__in=list(bills))
        .order_by("invoice", "rate")
        .values("invoice", "rate")
        .annotate(in_all=Sum("tax"))
        .values_list("invoice", "rate", "in_all")
    )
    found: dict[int, dict[Decimal, Decimal]] = defaultdict(dict)
    for invoice_id, rate, tax in rows:
        found[invoice_id][rate] = tax
    return found


def _totals(invoice: SupplierInvoice, taxes: Mapping[Decimal, Decimal]) -> StatedTotals:
    return StatedTotals(
        currency=invoice.currency,
        tax_total=invoice.tax_total,
        total=invoice.total,
        rounding=invoice.rounding,
        taxes=taxes,
    )
