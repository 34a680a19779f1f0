"""
The desk page of a bill: the document on the left, what it is laid beside on the right.

Everything is a form that works without scripts; purchasing/invoice_desk.js adds the keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils import timezone

from purchasing import operations
from purchasing.admin.desk_queue import DeskView
from purchasing.admin.document_views import SEES_DOCUMENTS, document_url
from purchasing.admin.invoice_assigning import (
    ASSIGN,
    ASSIGNABLE,
    ASSIGNS,
    Assigning,
    assigning_of,
)
from purchasing.admin.invoice_desk_facts import facts_of
from purchasing.admin.invoice_desk_parts import (
    DECIDES,
    Decider,
    DifferenceCard,
    Entered,
    LineRow,
    cards_of,
)
from purchasing.admin.invoice_queue import DESK_POLICY, InvoiceQueue
from purchasing.models import MatchException, SupplierInvoice
from purchasing.printed_invoice import as_typed
from purchasing.queries import (
    Comparison,
    desk_neighbours,
    invoice_comparison,
    invoice_timeline,
    is_at_desk,
    standing_exceptions,
    suggested_order_lines,
)
from retail.common.admin import Act, ActForm, Download
from retail.common.admin.acts import dress
from retail.common.errors import BusinessError

Status = MatchException.Status

# The keys that open an act's form on the page; nothing is done before the form is confirmed.
KEY_OF_ACT = {"match": "m", "approve": "y", "record-payment": "p", "void": "x"}


@dataclass(frozen=True)
class DeskAct:
    """An act of the bill on the desk: its form in place, or why this person may not do it."""

    act: Act
    url: str
    key: str
    form: ActForm | None
    consequences: Sequence[str]
    why_not: str = ""


class InvoiceDesk(InvoiceQueue):
    """The page `<pk>/desk/` of suppliers' invoices; acts done from it lead on to the next bill."""

    def get_urls(self) -> list[URLPattern]:
        return [self._path("<int:object_id>/desk/", self.desk_view, "desk"), *super().get_urls()]

    def desk_view(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        """Show the page and, on POST, decide one difference or open it again."""
        invoice = self._bill(request, object_id)
        if request.method != "POST":
            return self._desk_page(request, invoice)
        if not request.user.has_perm(DECIDES):
            raise PermissionDenied
        exception_id = request.POST.get("exception", "")
        if not exception_id.isdecimal():
            raise Http404
        exception = invoice.exceptions.filter(pk=exception_id).first()
        if exception is None:
            raise Http404
        if "reconsider" in request.POST:
            return self._reconsider(request, invoice, exception)
        return self._decide(request, invoice, exception)

    def _bill(self, request: HttpRequest, object_id: int) -> SupplierInvoice:
        if not self.has_view_permission(request):
            raise PermissionDenied
        people = ("captured_by", "approved_by", "paid_by", "voided_by")
        invoice = (
            SupplierInvoice.objects.select_related("supplier", "source", "export", *people)
            .filter(pk=object_id)
            .first()
        )
        if invoice is None:
            raise Http404
        return invoice

    def _decide(
        self, request: HttpRequest, invoice: SupplierInvoice, exception: MatchException
    ) -> HttpResponseBase:
        decision, reason = request.POST.get("decision", ""), request.POST.get("reason", "")
        now = timezone.now()
        try:
            decided = operations.decide_exception(
                exception_id=exception.pk,
                decision=decision,
                reason=reason,
                at=now,
                by=request.user,
            )
        except BusinessError as refusal:
            messages.error(request, refusal.message)
            # What was refused because of somebody else's decision shows the page as it is now.
            invoice.refresh_from_db(fields=["status"])
            entered = Entered(exception.pk, decision, reason)
            return self._desk_page(request, invoice, entered=entered)
        self.log_change(request, invoice, f"{decided}: {decided.get_status_display().lower()}")
        messages.success(
            request,
            f"{decided.get_kind_display()} of {invoice.number}:"
            f" {decided.get_status_display().lower()}.",
        )
        return HttpResponseRedirect(self._after_decision(request, invoice, now=now))

    def _reconsider(
        self, request: HttpRequest, invoice: SupplierInvoice, exception: MatchException
    ) -> HttpResponseBase:
        view = DeskView.of(request)
        try:
            again = operations.reconsider_exception(
                exception_id=exception.pk, at=timezone.now(), by=request.user
            )
        except BusinessError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(view.bill_url(invoice.pk))
        self.log_change(request, invoice, f"{again}: to be decided again")
        messages.success(request, "The difference waits for a decision again.")
        return HttpResponseRedirect(view.bill_url(invoice.pk, difference=again.pk))

    def _after_decision(
        self, request: HttpRequest, invoice: SupplierInvoice, *, now: datetime
    ) -> str:
        """Stay while there is more to decide here for whom this queue is, else go on."""
        view = DeskView.of(request)
        following = (
            invoice.exceptions.filter(status=Status.OPEN, is_blocking=True, owner__in=view.owners)
            .order_by("pk")
            .first()
        )
        if following is not None:
            return view.bill_url(invoice.pk, difference=following.pk)
        return view.url_after(invoice.pk, next_id=request.GET.get("next", ""), now=now)

    def _url_after_act(self, request: HttpRequest, document: Model) -> str:
        """Lead on from an act that was done at the desk: the bill again while it waits there."""
        if "desk" not in request.GET:
            return super()._url_after_act(request, document)
        view, now = DeskView.of(request), timezone.now()
        if is_at_desk(view.queue(now), document.pk):
            return view.bill_url(document.pk)
        return view.url_after(document.pk, next_id=request.GET.get("next", ""), now=now)

    def _url_back_from_act(self, request: HttpRequest, document: Model) -> str:
        if "desk" not in request.GET:
            return super()._url_back_from_act(request, document)
        return DeskView.of(request).bill_url(document.pk)

    def _desk_page(
        self, request: HttpRequest, invoice: SupplierInvoice, *, entered: Entered | None = None
    ) -> HttpResponseBase:
        view, now = DeskView.of(request), timezone.now()
        beside = desk_neighbours(view.queue(now), invoice.pk)
        comparisons = invoice_comparison(invoice.pk)
        exceptions = invoice.exceptions.select_related("invoice_line", "decided_by").order_by("pk")
        cards = cards_of(
            standing_exceptions(exceptions),
            comparisons,
            invoice,
            decider=Decider.of(request.user),
            today=timezone.localdate(now),
            entered=entered,
        )
        kept = [*view.pairs(), *([("next", str(beside.after))] if beside.after else [])]
        assigning = self._assigning(request, invoice, comparisons, [("desk", "1"), *kept])
        rows = _line_rows(comparisons, cards, assigning)
        context = {
            **self.admin_site.each_context(request),
            # The document needs the room.
            "is_nav_sidebar_enabled": False,
            "title": f"{invoice.number}: {invoice.supplier.name}",
            "opts": self.opts,
            "invoice": invoice,
            "admin_url": self._document_url(invoice),
            "queue_url": view.list_url(),
            "before_url": beside.before and view.bill_url(beside.before),
            "after_url": beside.after and view.bill_url(beside.after),
            "decide_url": f"{request.path}?{urlencode(kept)}",
            "facts": facts_of(invoice, today=timezone.localdate(now)),
            "document_cards": cards.get(None, []),
            "rows": rows,
            "open_count": sum(card.is_open for of_line in cards.values() for card in of_line),
            "acts": self._desk_acts(request, invoice, [("desk", "1"), *kept]),
            "steps": invoice_timeline(invoice.pk)[::-1],
            **self._document_context(request, invoice, comparisons),
        }
        answer = TemplateResponse(request, "admin/purchasing/invoice_desk.html", context)
        answer["Content-Security-Policy"] = DESK_POLICY
        return answer

    def _document_context(
        self, request: HttpRequest, invoice: SupplierInvoice, comparisons: Sequence[Comparison]
    ) -> dict[str, Any]:
        """Return the document as the person may see it: the file, or what was typed."""
        if not request.user.has_perm(SEES_DOCUMENTS):
            return {"sees_document": False}
        if invoice.source is None:
            lines = {row.line.pk: row.line for row in comparisons}
            paper = as_typed(invoice, lines.values(), invoice.taxes.order_by("category", "rate"))
            return {"sees_document": True, "paper": paper}
        is_pdf = invoice.source.media_type == "application/pdf"
        return {
            "sees_document": True,
            "source": invoice.source,
            "file_url": document_url(invoice.source.pk, "file"),
            "view_url": f"{document_url(invoice.source.pk, 'view')}"
            f"?position={invoice.source_position}",
            "is_pdf": is_pdf,
            "has_data": invoice.source.syntax not in {"PAPER", "UNKNOWN"},
        }

    def _assigning(
        self,
        request: HttpRequest,
        invoice: SupplierInvoice,
        comparisons: Sequence[Comparison],
        kept: Sequence[tuple[str, str]],
    ) -> dict[int, Assigning]:
        """Return line id -> the form that assigns it, where this person may."""
        if invoice.status not in ASSIGNABLE or not request.user.has_perm(ASSIGNS):
            return {}
        suggested = suggested_order_lines(invoice.pk)
        url = f"{self._url('act', invoice.pk, ASSIGN.name)}?{urlencode(kept)}"
        return {
            row.line.pk: assigning_of(
                row.line, row.order_line, suggested.get(row.line.pk, ()), url=url
            )
            for row in comparisons
            if row.line.kind != row.line.Kind.CHARGE
        }

    def _desk_acts(
        self, request: HttpRequest, invoice: SupplierInvoice, kept: Sequence[tuple[str, str]]
    ) -> list[DeskAct]:
        """Return the acts that are possible with the bill as it is, the most likely one first."""
        offered = []
        for act in self.acts:
            if act.name not in KEY_OF_ACT or not act.is_offered(invoice):
                continue
            url = f"{self._url('act', invoice.pk, act.name)}?{urlencode(kept)}"
            if not request.user.has_perm(act.permission):
                why_not = "Your role does not do this."
                offered.append(DeskAct(act, url, "", None, (), why_not))
                continue
            form = (act.form or ActForm)(document=invoice, auto_id=f"{act.name}-%s")
            dress(form)
            offered.append(DeskAct(act, url, KEY_OF_ACT[act.name], form, act.consequences(invoice)))
        return offered


def _line_rows(
    comparisons: Sequence[Comparison],
    cards: Mapping[int | None, Sequence[DifferenceCard]],
    assigning: Mapping[int, Assigning],
) -> list[LineRow]:
    ids = [comparison.line.pk for comparison in comparisons]
    return [
        LineRow(
            comparison=comparison,
            cards=cards.get(line_id, ()),
            is_first=before != line_id,
            is_last=after != line_id,
            assigning=assigning.get(line_id),
        )
        for comparison, before, line_id, after in zip(
            comparisons, [None, *ids], ids, [*ids[1:], None], strict=False
        )
    ]


def _open_desk(_request: HttpRequest, invoice: SupplierInvoice) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:purchasing_supplierinvoice_desk", args=[invoice.pk]))


# For the plain page of an invoice.
AT_THE_DESK = Download(
    name="desk",
    label="At the desk",
    permission="purchasing.view_supplierinvoice",
    open=_open_desk,
    icon="difference",
)
