"""What is done to files with invoices: upload, say whose, set aside, open again, type in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from unfold.widgets import UnfoldAdminFileFieldWidget

from purchasing import operations
from purchasing.admin.document_views import SEES_DOCUMENTS, document_url
from purchasing.admin.invoice_entry import ENTER_INVOICE
from purchasing.models import InvoiceDocument, Supplier
from retail.common.admin import Act, ActForm, Download, PageAct

CAPTURES = "purchasing.capture_invoicedocument"
SETS_ASIDE = "purchasing.set_aside_invoicedocument"

Status = InvoiceDocument.Status
MOST_FILES = 50


class ManyFilesInput(UnfoldAdminFileFieldWidget):  # type: ignore[misc]  # Unfold has no types
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files chosen at once; each is checked as one file is."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        files = data if isinstance(data, (list, tuple)) else [data]
        if len(files) > MOST_FILES:
            raise forms.ValidationError(f"At most {MOST_FILES} files at once.")
        clean_one = super().clean
        return [clean_one(file, initial) for file in files]


class UploadForm(ActForm):
    files = ManyFilesField(
        widget=ManyFilesInput,
        help_text="E-invoices (UBL, CII, Factur-X, FatturaPA, KSeF), CSV, PDFs to be typed in,"
        " also in zip files and saved e-mails.",
    )


class CompleteForm(ActForm):
    """Whose a document is, the likeliest supplier chosen already."""

    supplier = forms.ModelChoiceField(queryset=Supplier.objects.order_by("name", "pk"))
    remember = forms.BooleanField(
        required=False,
        initial=True,
        help_text="Fill in the supplier's tax number and electronic address where it has none, so"
        " that its next document is found by itself.",
    )
    duplicate_reason = forms.CharField(
        label="Why the same number again",
        max_length=200,
        required=False,
        help_text="Only when its number was entered before and that is right.",
    )

    def __init__(self, *args: Any, document: InvoiceDocument, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["supplier"].initial = document.supplier_id or document.suggested_supplier_id


class SetAsideForm(ActForm):
    reason = forms.CharField(max_length=200)


def upload(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    """
    Keep the files, and read them as soon as that is certain.

    Reading begins after the commit, so that no file is lost that cannot be read.
    """
    documents = [
        document
        for file in cleaned["files"]
        for document in operations.keep_files(
            content=file.read(),
            filename=file.name,
            channel=InvoiceDocument.Channel.UPLOAD,
            at=now,
            by=request.user,
        )
    ]
    for document in documents:
        read = partial(
            operations.read_kept_document, document_id=document.pk, at=now, by=request.user
        )
        transaction.on_commit(read, robust=True)
        if document.received_at != now:
            messages.warning(
                request, f"{document.filename} came before, as {document.number}: byte for byte."
            )
    if len(documents) == 1:
        return f"{documents[0].filename} is kept as {documents[0].number}.", documents[0]
    return f"{len(documents)} files are kept; the list says what became of each.", None


def complete(
    request: HttpRequest, document: InvoiceDocument, cleaned: Mapping[str, Any], now: datetime
) -> str:
    done = operations.complete_document(
        document_id=document.pk,
        supplier_id=cleaned["supplier"].pk,
        remember=cleaned["remember"],
        duplicate_reason=cleaned["duplicate_reason"],
        at=now,
        by=request.user,
    )
    if done.status == Status.CAPTURED:
        return f"{done.number} is captured, from {done.supplier}."
    messages.warning(request, done.problem)
    return f"{done.number} is from {done.supplier}, and still has to be looked at."


def set_aside(
    request: HttpRequest, document: InvoiceDocument, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.set_aside_document(
        document_id=document.pk, reason=cleaned["reason"], at=now, by=request.user
    )
    return f"{document.number} is set aside."


def reopen(
    request: HttpRequest, document: InvoiceDocument, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.reopen_document(document_id=document.pk, at=now, by=request.user)
    return f"{document.number} waits for somebody again."


def type_in(_request: HttpRequest, document: InvoiceDocument) -> HttpResponseRedirect:
    """Lead to the form for typing an invoice, with what the file says filled in."""
    form_url = reverse("admin:purchasing_supplierinvoice_page_act", args=[ENTER_INVOICE.name])
    known = {
        "source": document.pk,
        "supplier": document.supplier_id or document.suggested_supplier_id,
        **_stated_in_form(document),
    }
    filled = {name: value for name, value in known.items() if value not in {None, ""}}
    return HttpResponseRedirect(f"{form_url}?{urlencode(filled)}")


def _stated_in_form(document: InvoiceDocument) -> dict[str, str]:
    """Return what a file with one invoice says of itself, by the names of the form's fields."""
    if len(document.stated) != 1:
        return {}
    [stated] = document.stated
    names = {
        "kind": "kind",
        "supplier_number": "number",
        "invoiced_on": "issued_on",
        "stated_due_on": "due_on",
        "currency": "currency",
        "delivery_note": "delivery_note",
        "net_total": "net_total",
        "tax_total": "tax_total",
        "total": "total",
        "prepaid_total": "prepaid",
        "rounding": "rounding",
        "iban": "iban",
        "payment_reference": "payment_reference",
    }
    return {field: stated.get(name, "") for field, name in names.items()}


def waits(document: InvoiceDocument) -> bool:
    return document.status == Status.NEEDS_PERSON


def has_data_and_waits(document: InvoiceDocument) -> bool:
    return waits(document) and bool(document.stated)


def may_be_opened(document: InvoiceDocument) -> bool:
    """A captured file is opened again only where an invoice of it counts no longer, or is paper."""
    if document.status == Status.CAPTURED:
        is_paper = document.syntax == InvoiceDocument.Syntax.PAPER
        return is_paper or document.invoices.filter(status="VOID").exists()
    return document.status == Status.SET_ASIDE


PAGE_ACTS = (
    PageAct(
        name="upload",
        label="Upload invoices",
        permission=CAPTURES,
        perform=upload,
        form=UploadForm,
        consequences=(
            "The files are kept as they are, read, and matched to orders and deliveries.",
            "What cannot be read waits here for you, with the reason.",
        ),
        icon="upload_file",
    ),
)
ACTS = (
    Act(
        name="complete",
        label="Say whose it is",
        permission=CAPTURES,
        perform=complete,
        form=CompleteForm,
        is_offered=has_data_and_waits,
        consequences=lambda _document: (
            "The invoices in it that were not captured yet are captured from this supplier.",
        ),
        icon="person_check",
    ),
    Act(
        name="set-aside",
        label="Set aside",
        permission=SETS_ASIDE,
        perform=set_aside,
        form=SetAsideForm,
        is_offered=waits,
        consequences=lambda _document: (
            "Nothing in it becomes an invoice; the file is kept, and can be opened again.",
        ),
        is_dangerous=True,
        icon="inventory_2",
    ),
    Act(
        name="reopen",
        label="Open again",
        permission=CAPTURES,
        perform=reopen,
        is_offered=may_be_opened,
        consequences=lambda _document: (
            "It waits for somebody again; invoices that were captured from it stay.",
        ),
        icon="undo",
    ),
)
DOWNLOADS = (
    Download(
        name="type-in",
        label="Type it in",
        permission=ENTER_INVOICE.permission,
        open=type_in,
        is_offered=waits,
        icon="keyboard",
    ),
    Download(
        name="view",
        label="Look at it",
        permission=SEES_DOCUMENTS,
        open=lambda _request, document: HttpResponseRedirect(document_url(document.pk, "view")),
        icon="visibility",
    ),
    Download(
        name="file",
        label="The file as it came",
        permission=SEES_DOCUMENTS,
        open=lambda _request, document: HttpResponseRedirect(document_url(document.pk, "file")),
    ),
)
