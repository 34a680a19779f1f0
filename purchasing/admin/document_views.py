"""Suppliers' files in the browser: as they came, and their data laid out as on paper."""

from __future__ import annotations

import re
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse

from purchasing.einvoices import UnreadableDocument, read_document
from purchasing.models import InvoiceDocument
from purchasing.printed_invoice import as_read
from retail.common.admin import BaseAdmin

SEES_DOCUMENTS = "purchasing.view_invoicedocument"
# Where PDF begins, a little rubbish in front allowed. Source: ISO 32000-1, annex H.3.4.
PDF_BEGINS, PDF_LOOKED_AT = b"%PDF-", 1024
TEXT_SHOWN = 200_000

# Nothing in a stranger's file may run or load anything, and only our own pages may frame it.
_NOTHING_RUNS = "default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
POLICY_OF_PDF = f"{_NOTHING_RUNS}; object-src 'self'; style-src 'unsafe-inline'"
POLICY_OF_TEXT = f"{_NOTHING_RUNS}; sandbox"
POLICY_OF_VIEW = f"{_NOTHING_RUNS}; style-src 'self'"


class ShowsDocuments(BaseAdmin):
    """The pages of a file with invoices: `file/` gives its bytes, `view/` its data as on paper."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self._path("<int:object_id>/file/", self.file_view, "file"),
            self._path("<int:object_id>/view/", self.paper_view, "view"),
            *super().get_urls(),
        ]

    def file_view(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        """
        Answer with the file as it came: a PDF for the browser's viewer, anything else as text.

        XML is text as well: a browser that rendered it would run what a stranger wrote into it.
        """
        document = self._document(request, object_id)
        try:
            content = document.file.open("rb")
        except FileNotFoundError:
            return self._missing(request, document)
        is_pdf = PDF_BEGINS in content.read(PDF_LOOKED_AT)
        content.seek(0)
        answer = FileResponse(
            content,
            as_attachment="download" in request.GET,
            filename=harmless_name(document.filename),
            content_type="application/pdf" if is_pdf else "text/plain; charset=utf-8",
        )
        return _framed(answer, POLICY_OF_PDF if is_pdf else POLICY_OF_TEXT)

    def paper_view(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        """Show what the file says, or why it cannot be read; `?position=` shows one invoice."""
        document = self._document(request, object_id)
        try:
            with document.file.open("rb") as file:
                content = file.read()
        except FileNotFoundError:
            return self._missing(request, document)
        context: dict[str, Any] = {
            "document": document,
            "file_url": document_url(document.pk, "file"),
            "breaks": document.findings,
        }
        try:
            read = read_document(content, filename=document.filename)
        except UnreadableDocument as refusal:
            context |= {"problem": refusal.message, "text": _text_of(content)}
        else:
            position = request.GET.get("position", "")
            context["invoices"] = [
                as_read(invoice)
                for invoice in read.invoices
                if position in {"", str(invoice.position)}
            ]
        return self._paper(request, context)

    def _document(self, request: HttpRequest, object_id: int) -> InvoiceDocument:
        document = self._permitted_document(request, str(object_id), SEES_DOCUMENTS)
        assert isinstance(document, InvoiceDocument)  # noqa: S101 - this is their admin
        return document

    def _missing(self, request: HttpRequest, document: InvoiceDocument) -> HttpResponseBase:
        problem = (
            f"The file of {document.number} is not where files are kept. Somebody who looks after"
            " the server can bring it back from a backup: its fingerprint is"
            f" {document.sha256}."
        )
        return self._paper(request, {"document": document, "problem": problem}, status=404)

    def _paper(
        self, request: HttpRequest, context: dict[str, Any], status: int = 200
    ) -> HttpResponseBase:
        answer = TemplateResponse(
            request, "admin/purchasing/invoice_document.html", context, status=status
        )
        return _framed(answer, POLICY_OF_VIEW)


def document_url(document_id: int, name: str) -> str:
    """Return the address of a file's page: `file` or `view`."""
    return reverse(f"admin:purchasing_invoicedocument_{name}", args=[document_id])


def harmless_name(name: str) -> str:
    """Return a file's name without what would break out of a header or lead elsewhere."""
    return re.sub(r"[\x00-\x1f\x7f/\\]", "_", name) or "document"


def _framed(answer: HttpResponse | FileResponse, policy: str) -> HttpResponseBase:
    """Let our own pages, and no others, show the answer in a frame, and nothing guess its type."""
    answer["Content-Security-Policy"] = policy
    answer["X-Frame-Options"] = "SAMEORIGIN"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Referrer-Policy"] = "same-origin"
    return answer


def _text_of(content: bytes) -> str:
    """Return the beginning of what can be read as text; of a PDF, nothing."""
    if PDF_BEGINS in content[:PDF_LOOKED_AT]:
        return ""
    return content[:TEXT_SHOWN].decode("utf-8", errors="replace")
