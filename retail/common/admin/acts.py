"""What a person can do to a document, and the form that asks for what the act needs."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Model
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from unfold import widgets


def always(_document: Model) -> bool:
    """Offer the act whatever the document looks like."""
    return True


def no_consequences(_document: Model) -> Sequence[str]:
    """Say nothing beyond the label about what the act will do."""
    return ()


def new_key() -> str:
    """Return a key that the same form keeps when it is sent twice."""
    return uuid.uuid4().hex


def seal(plan: Sequence[str]) -> str:
    """Return what a page with a plan sends back, so that only the plan it showed is confirmed."""
    return hashlib.sha256("\n".join(plan).encode()).hexdigest()


@dataclass(frozen=True)
class LineTable:
    """
    Fields of a form laid out as a table, one row per line of the document.

    A cell is either text or a bound field of the form (`self["accepted_7"]`).
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str | BoundField]]

    def field_names(self) -> set[str]:
        return {cell.name for row in self.rows for cell in row if isinstance(cell, BoundField)}


class ActForm(forms.Form):
    """
    What an act asks for; a form without fields of its own only confirms.

    `document` is what the act is done to, None for an act of a whole list. `key` is made when the
    page is shown and comes back with it, so `cleaned["key"]` of a form sent twice is the same:
    operations take it as their reference.
    """

    key = forms.CharField(max_length=64, widget=forms.HiddenInput, initial=new_key)

    def __init__(self, *args: Any, document: Model | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.document = document

    def line_table(self) -> LineTable | None:
        """Return the fields that are shown as a table; the others stand below each other."""
        return None

    def single_fields(self) -> list[BoundField]:
        table = self.line_table()
        in_table = table.field_names() if table else set()
        return [field for field in self.visible_fields() if field.name not in in_table]


@dataclass(frozen=True)
class Act:
    """
    One thing that can be done to a document: a button, a page to confirm, one operation.

    perform: (request, document, cleaned form data, now) -> what to tell the person.
    is_offered: whether it can be done to the document as it is now.
    consequences: sentences that say, before it is done, what it will change.
    plan: like perform, but changes nothing and says exactly what the filled form would change.
    The person confirms that; when it has come out differently by then, they are shown it again.
    Nothing to say needs no confirmation: what is done already is not asked about.
    is_repeated: show the empty form again when it is done, for one article after the other.
    """

    name: str
    label: str
    permission: str
    perform: Callable[[HttpRequest, Any, Mapping[str, Any], datetime], str]
    form: type[ActForm] | None = None
    is_offered: Callable[[Any], bool] = always
    consequences: Callable[[Any], Sequence[str]] = no_consequences
    plan: Callable[[HttpRequest, Any, Mapping[str, Any], datetime], Sequence[str]] | None = None
    is_dangerous: bool = False
    is_repeated: bool = False
    icon: str = ""


@dataclass(frozen=True)
class PageAct:
    """
    One thing that can be done without a document at hand: upload a file, start an order.

    perform: (request, cleaned form data, now) -> what to tell the person, and what to show them
    next (None: the list again); or a page or file to answer with.
    plan: (request, cleaned form data, now) -> exactly what it would change, to be confirmed.
    is_listed: whether the list shows a button; else it is reached from rows that were chosen.
    """

    name: str
    label: str
    permission: str
    perform: Callable[
        [HttpRequest, Mapping[str, Any], datetime], tuple[str, Model | None] | HttpResponseBase
    ]
    form: type[ActForm] | None = None
    consequences: Sequence[str] = ()
    plan: Callable[[HttpRequest, Mapping[str, Any], datetime], Sequence[str]] | None = None
    is_dangerous: bool = False
    is_listed: bool = True
    icon: str = ""


@dataclass(frozen=True)
class Download:
    """A file or printable page that a document offers: a button that changes nothing."""

    name: str
    label: str
    permission: str
    open: Callable[[HttpRequest, Any], HttpResponseBase]
    is_offered: Callable[[Any], bool] = always
    icon: str = "download"


class DayInput(forms.DateInput):
    """The browser's own calendar."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        classes = " ".join(widgets.INPUT_CLASSES)
        super().__init__(attrs={"class": classes, **(attrs or {})}, format="%Y-%m-%d")


_DRESSED: Mapping[type[forms.Widget], type[forms.Widget]] = {
    forms.TextInput: widgets.UnfoldAdminTextInputWidget,
    forms.EmailInput: widgets.UnfoldAdminEmailInputWidget,
    forms.URLInput: widgets.UnfoldAdminURLInputWidget,
    forms.NumberInput: widgets.UnfoldAdminDecimalFieldWidget,
    forms.Textarea: widgets.UnfoldAdminTextareaWidget,
    forms.DateInput: DayInput,
    forms.CheckboxInput: widgets.UnfoldBooleanSwitchWidget,
    forms.FileInput: widgets.UnfoldAdminFileFieldWidget,
    forms.ClearableFileInput: widgets.UnfoldAdminFileFieldWidget,
    forms.Select: widgets.UnfoldAdminSelectWidget,
    forms.SelectMultiple: widgets.UnfoldAdminSelectMultipleWidget,
    forms.RadioSelect: widgets.UnfoldAdminRadioSelectWidget,
    forms.CheckboxSelectMultiple: widgets.UnfoldAdminCheckboxSelectMultipleWidget,
}


def dress(form: forms.Form) -> None:
    """Give the widgets that Django chose by itself the looks of the rest of the admin."""
    for field in form.fields.values():
        look = _DRESSED.get(type(field.widget))
        if look is None:
            continue
        widget = look(attrs=field.widget.attrs)
        widget.is_required = field.widget.is_required
        field.widget = widget
        if isinstance(field, forms.ChoiceField):
            widget.choices = field.choices  # type: ignore[attr-defined]  # a Select has them
