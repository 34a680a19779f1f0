"""Which bills, order lines and deliveries hang together, followed from some invoices."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Greatest, Upper

from catalog.models import Variant
from purchasing.line_finding import LineFinder, OrderNumbers
from purchasing.matching_facts import (
    ArticleFacts,
    InvoiceLineFacts,
    OrderFacts,
    OrderLineKeys,
    order_key,
    plain,
)
from purchasing.models import (
    MatchAllocation,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from retail.common.among import among, among_texts

Status = SupplierInvoice.Status
MATCHABLE = (Status.CAPTURED, Status.MATCHING, Status.ON_HOLD, Status.MATCHED)
PAYABLE = (Status.APPROVED, Status.EXPORTED, Status.PAID)
BILLED_ORDERS = (PurchaseOrder.Status.SENT, PurchaseOrder.Status.CLOSED)
CHARGE = SupplierInvoiceLine.Kind.CHARGE
DISCOUNT = SupplierInvoiceLine.Charge.DISCOUNT


class PoolSearch:
    """
    Follows the lines of bills to the order lines they may mean, these to all other bills that may
    mean them, and so on, until nothing new is found.

    Reads only; what is found is locked afterwards. A handful of queries for each step, whatever
    the number of lines; bills that name their orders need two steps.
    """

    def __init__(self, supplier_id: int, invoice_ids: Collection[int]) -> None:
        self.supplier_id = supplier_id
        self.seeds = set(invoice_ids)
        self.invoice_ids = set(invoice_ids)
        self.lines: dict[int, InvoiceLineFacts] = {}
        self.charge_lines: Sequence[InvoiceLineFacts] = ()
        self.order_line_ids: set[int] = set()
        self.order_ids: set[int] = set()
        self.articles: dict[int, ArticleFacts] = {}
        self._orders: dict[int, OrderFacts] = {}
        self._asked: set[str] = set()
        self.numbers = OrderNumbers((), supplier_id=supplier_id)

    def run(self, also: Collection[int] = ()) -> None:
        """also: order lines to begin with, besides the invoices."""
        seeds = _lines(SupplierInvoiceLine.objects.filter(invoice__in=among(self.seeds)))
        fresh = [line for line, _ in seeds]
        begin = set(also)
        while fresh or begin:
            goods = [line for line in fresh if not line.is_charge]
            self.lines.update((line.id, line) for line in goods)
            fresh = self._lines_meaning(self._order_lines_meant(goods, begin))
            begin = set()
        self._follow_charges()

    # From bills to orders.

    def _order_lines_meant(
        self, goods: Sequence[InvoiceLineFacts], also: Collection[int]
    ) -> list[OrderLineKeys]:
        """Return the order lines, new here, that these lines mean or were set against."""
        self._learn_orders({line.order_number for line in goods})
        finder, by_id = self._finder_of_named(goods)
        meant: set[int] = set()
        unnamed = []
        for line in goods:
            # What is printed has a part in it as soon as a person says nothing any more.
            place = finder.find(
                line if line.assigned_line_id is None else line._replace(assigned_line_id=None)
            )
            meant |= place.order_line_ids
            if not (place.is_named and place.order_line_ids) and place.other_order is None:
                unnamed.append(line)
        found = [by_id[pk] for pk in sorted(meant)]
        matched = MatchAllocation.objects.filter(invoice_line__in=among(line.id for line in goods))
        wanted = set(matched.values_list("order_line", flat=True))
        wanted |= {line.assigned_line_id for line in goods if line.assigned_line_id} | set(also)
        if wanted := wanted - meant - self.order_line_ids:
            found += _order_lines(PurchaseOrderLine.objects.filter(pk__in=among(wanted)))
        if unnamed:
            found += _order_lines(self._open_lines(unnamed))
        fresh = {line.id: line for line in found if line.id not in self.order_line_ids}
        self.order_line_ids |= fresh.keys()
        self.order_ids |= {line.order_id for line in fresh.values()}
        self._learn_articles(fresh.values())
        self._learn_orders_by_id({line.order_id for line in fresh.values()})
        return list(fresh.values())

    def _finder_of_named(
        self, goods: Sequence[InvoiceLineFacts]
    ) -> tuple[LineFinder, dict[int, OrderLineKeys]]:
        named = {order.id for line in goods for order in self.numbers.named(line.order_number)}
        lines = (
            _order_lines(PurchaseOrderLine.objects.filter(order__in=among(named))) if named else []
        )
        self._learn_articles(lines)
        finder = LineFinder(
            numbers=self.numbers,
            order_lines=lines,
            articles=self.articles,
            brought={},
            open_ids=(),
        )
        return finder, {line.id: line for line in lines}

    def _billed_lines(self) -> QuerySet[PurchaseOrderLine]:
        return PurchaseOrderLine.objects.filter(
            order__supplier=self.supplier_id, order__status__in=BILLED_ORDERS
        )

    def _open_lines(self, lines: Iterable[InvoiceLineFacts]) -> QuerySet[PurchaseOrderLine]:
        """Return the order lines of these articles on which something is open, or in work."""
        skus = {line.supplier_sku.upper() for line in lines if line.supplier_sku}
        our_skus = skus | {line.buyer_sku.upper() for line in lines if line.buyer_sku}
        gtins = {line.gtin for line in lines if line.gtin}
        is_in_work = Exists(
            MatchAllocation.objects.filter(
                order_line=OuterRef("pk"), invoice_line__invoice__status__in=MATCHABLE
            )
        )
        billable = Greatest(F("ordered") - F("cancelled"), F("received") - F("to_replace"))
        articles = Variant.objects.annotate(code=Upper("sku")).filter(
            Q(code__in=our_skus) | Q(gtin__in=gtins)
        )
        return (
            self._billed_lines()
            .annotate(code=Upper("supplier_sku"))
            .filter(
                Q(code__in=skus) | Q(variant__in=list(articles.values_list("pk", flat=True))),
                Q(invoiced__lt=billable) | Q(is_in_work),
            )
        )

    # From orders to bills.

    def _lines_meaning(self, order_lines: Sequence[OrderLineKeys]) -> list[InvoiceLineFacts]:
        """Return the open lines, new here, that mean these order lines; keep payable ones."""
        if not order_lines:
            return []
        ids = [line.id for line in order_lines]
        matched = MatchAllocation.objects.filter(order_line__in=among(ids)).values("invoice_line")
        rows = _lines(SupplierInvoiceLine.objects.filter(pk__in=matched))
        open_lines = SupplierInvoiceLine.objects.filter(
            invoice__supplier=self.supplier_id, invoice__status__in=MATCHABLE
        ).exclude(kind=CHARGE)
        rows += _lines(open_lines.filter(assigned_line__in=among(ids)))
        rows += _lines(self._of_articles(open_lines, order_lines))
        rows += _lines(self._without_codes(open_lines, order_lines))
        fresh = {}
        for line, status in rows:
            if line.id not in self.lines:
                self.lines[line.id] = line
                self.invoice_ids.add(line.invoice_id)
                if status in MATCHABLE:
                    fresh[line.id] = line
        return list(fresh.values())

    def _of_articles(
        self,
        lines: QuerySet[SupplierInvoiceLine],
        order_lines: Iterable[OrderLineKeys],
    ) -> QuerySet[SupplierInvoiceLine]:
        """Leave the lines of these articles that name one of these orders, or none we know."""
        articles = {self.articles[line.variant_id] for line in order_lines}
        skus = {line.supplier_sku.upper() for line in order_lines} - {""}
        skus |= {article.sku.upper() for article in articles}
        gtins = {article.gtin for article in articles if article.gtin}
        billed = PurchaseOrder.objects.filter(supplier=self.supplier_id, status__in=BILLED_ORDERS)
        ours = billed.annotate(key=_plain("number")).values("key")
        theirs = billed.exclude(supplier_reference="").annotate(key=_plain("supplier_reference"))
        names_another = Q(named__in=ours) | Q(with_po__in=ours) | Q(named__in=theirs.values("key"))
        names = self._names({line.order_id for line in order_lines})
        return lines.annotate(
            code=Upper("supplier_sku"),
            named=_plain("order_number"),
            with_po=Func(Value("PO"), _plain("order_number"), function="concat"),
        ).filter(
            # Said again, so that the index of those that print one can be used.
            Q(code__in=skus) | (Q(gtin__in=gtins) & ~Q(gtin="")),
            Q(order_number="") | Q(named__in=among_texts(names)) | ~names_another,
        )

    def _without_codes(
        self, lines: QuerySet[SupplierInvoiceLine], order_lines: Iterable[OrderLineKeys]
    ) -> QuerySet[SupplierInvoiceLine]:
        """Leave what prints neither their code nor a GTIN and names these orders or our SKU."""
        skus = {self.articles[line.variant_id].sku.upper() for line in order_lines}
        names = self._names({line.order_id for line in order_lines})
        return (
            lines.filter(supplier_sku="", gtin="")
            .annotate(named=_plain("order_number"), our_code=Upper("buyer_sku"))
            .filter(Q(named__in=among_texts(names)) | Q(our_code__in=among_texts(skus)))
        )

    def _names(self, order_ids: Collection[int]) -> set[str]:
        """Return every way in which a document may write the numbers of these orders."""
        orders = [self._orders[order_id] for order_id in order_ids]
        return {
            name
            for order in orders
            for name in (
                plain(order.number),
                order_key(order.number),
                plain(order.supplier_reference),
            )
            if name
        }

    # Charges.

    def _follow_charges(self) -> None:
        """Find every invoice with charges of the same orders, for they are tested together."""
        charges = self._charges_of(self.invoice_ids)
        order_ids: set[int] = set()
        while charges:
            self._learn_orders({line.order_number for line in charges})
            met = (self._orders_charged(charges) | self.order_ids) - order_ids
            order_ids |= met
            self.charge_lines = [*self.charge_lines, *charges]
            known = {line.invoice_id for line in self.charge_lines}
            charges = self._charges_of(self._invoices_charging(met) - known)
            self.invoice_ids |= {line.invoice_id for line in charges}
        self.order_ids |= order_ids

    def _charges_of(self, invoice_ids: Collection[int]) -> list[InvoiceLineFacts]:
        if not invoice_ids:
            return []
        lines = SupplierInvoiceLine.objects.filter(invoice__in=among(invoice_ids), kind=CHARGE)
        return [line for line, _ in _lines(lines.exclude(charge=DISCOUNT))]

    def _orders_charged(self, charges: Iterable[InvoiceLineFacts]) -> set[int]:
        """Return the orders that these charges name, or that their bills were set against."""
        named = {order.id for line in charges for order in self.numbers.named(line.order_number)}
        invoice_ids = {line.invoice_id for line in charges}
        matched = MatchAllocation.objects.filter(invoice_line__invoice__in=among(invoice_ids))
        return named | set(matched.values_list("order_line__order", flat=True))

    def _invoices_charging(self, order_ids: Collection[int]) -> set[int]:
        if not order_ids:
            return set()
        self._learn_orders_by_id(order_ids)
        matched = MatchAllocation.objects.filter(order_line__order__in=among(order_ids))
        naming = (
            SupplierInvoiceLine.objects.filter(
                kind=CHARGE,
                invoice__supplier=self.supplier_id,
                invoice__status__in=[*MATCHABLE, *PAYABLE],
            )
            .exclude(order_number="")
            .annotate(named=_plain("order_number"))
            .filter(named__in=self._names(order_ids))
        )
        return set(matched.values_list("invoice_line__invoice", flat=True)) | set(
            naming.values_list("invoice", flat=True)
        )

    # What is read on the way.

    def _learn_orders(self, texts: Iterable[str]) -> None:
        """Read the orders that these texts may name, our number or theirs."""
        fresh = {text for text in texts if text} - self._asked
        self._asked |= fresh
        keys = {order_key(text) for text in fresh}
        numbers = [f"PO-{key}" for key in keys if key.isdigit()]
        orders = list(
            PurchaseOrder.objects.filter(number__in=among_texts(numbers)).values_list(*_ORDER)
        )
        if keys:
            referred = PurchaseOrder.objects.filter(supplier=self.supplier_id).exclude(
                supplier_reference=""
            )
            orders += (
                referred.annotate(key=_plain("supplier_reference"))
                .filter(key__in=keys | {plain(text) for text in fresh})
                .values_list(*_ORDER)
            )
        self._keep_orders(orders)

    def _learn_orders_by_id(self, order_ids: Collection[int]) -> None:
        if unknown := set(order_ids) - self._orders.keys():
            self._keep_orders(
                PurchaseOrder.objects.filter(pk__in=among(unknown)).values_list(*_ORDER)
            )

    def _keep_orders(self, rows: Iterable[Any]) -> None:
        for order in map(OrderFacts._make, rows):
            self._orders[order.id] = order
        self.numbers = OrderNumbers(
            (
                order
                for order in self._orders.values()
                if order.supplier_id != self.supplier_id or order.status in BILLED_ORDERS
            ),
            supplier_id=self.supplier_id,
        )

    def _learn_articles(self, order_lines: Iterable[OrderLineKeys]) -> None:
        unknown = {line.variant_id for line in order_lines} - self.articles.keys()
        if unknown:
            rows = Variant.objects.filter(pk__in=among(unknown)).values_list(*ArticleFacts._fields)
            self.articles.update((article.id, article) for article in map(ArticleFacts._make, rows))


_ORDER = OrderFacts._fields


def _plain(name: str) -> Func:
    """Return what `matching_facts.plain` makes of a column."""
    return Func(Upper(name), Value("[^0-9A-Z]"), Value(""), Value("g"), function="regexp_replace")


def _lines(rows: QuerySet[SupplierInvoiceLine]) -> list[tuple[InvoiceLineFacts, str]]:
    """Return lines with the status of their invoices."""
    found = rows.values_list(*InvoiceLineFacts._fields, "invoice__status")
    return [(InvoiceLineFacts._make(row[:-1]), row[-1]) for row in found]


def _order_lines(rows: QuerySet[PurchaseOrderLine]) -> list[OrderLineKeys]:
    return list(map(OrderLineKeys._make, rows.values_list(*OrderLineKeys._fields)))
