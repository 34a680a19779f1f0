"""The admin every app builds on: plain lists and forms, and acts that confirm before they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import Error, transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import ModelAdmin, TabularInline
from unfold.enums import ActionVariant

from retail.common.admin import readonly  # noqa: F401 - puts its class in place
from retail.common.admin.acts import Act, ActForm, Download, PageAct, dress, new_key, seal
from retail.common.constraints import refusal_text
from retail.common.errors import BusinessError
from retail.common.fields import MoneyField
from retail.common.money import display_rate

Done = TypeVar("Done")
Named = TypeVar("Named", Act, PageAct, Download)

BUTTONS_SHOWN = 3


class BaseAdmin(ModelAdmin):  # type: ignore[misc]  # Unfold has no type information
    """
    The admin of one model, with its acts.

    acts: buttons on a document's page. page_acts: buttons above the list. downloads: buttons that
    open a file. A button shows to those who may use it, and its address checks again.
    is_deletable: whether rows may be deleted at all; facts never are.
    """

    acts: ClassVar[Sequence[Act]] = ()
    page_acts: ClassVar[Sequence[PageAct]] = ()
    downloads: ClassVar[Sequence[Download]] = ()
    is_deletable: ClassVar[bool] = False

    ordering: ClassVar[Sequence[str]] = ("-pk",)
    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    warn_unsaved_form = True

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Show the list's columns, amounts of money without idle zeros."""
        fields = {field.name: field for field in self.opts.get_fields()}
        return [
            _amount_column(fields[column])
            if isinstance(column, str) and isinstance(fields.get(column), MoneyField)
            else column
            for column in super().get_list_display(request)
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.is_deletable and super().has_delete_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        # In front of Django's own, whose last pattern takes every address for an object's id.
        return [
            self._path("act/<slug:name>/", self.page_act_view, "page_act"),
            self._path("<path:object_id>/act/<slug:name>/", self.act_view, "act"),
            self._path("<path:object_id>/download/<slug:name>/", self.download_view, "download"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        document = kwargs.get("obj")
        if document is not None and not context.get("is_popup"):
            context["actions_detail"] = [
                *context.get("actions_detail", ()),
                *self._document_buttons(request, document),
            ]
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        response: HttpResponseBase = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            _count_as_complete_without_filters(response.context_data.get("cl"))
            response.context_data["actions_list"] = [
                *response.context_data.get("actions_list", ()),
                *self._list_buttons(request),
            ]
        return response

    def act_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponseBase:
        """Show what an act will do to a document and, on POST, do it."""
        act = _named(self.acts, name)
        document = self._permitted_document(request, object_id, act.permission)
        if not act.is_offered(document):
            messages.warning(request, f"{act.label} is not possible for {document} as it is now.")
            return HttpResponseRedirect(self._url_back_from_act(request, document))

        form = _bound_form(act.form, request, document)
        message, plan = _attempt(
            request,
            form,
            plan=act.plan and partial(act.plan, request, document),
            perform=partial(self._perform_act, request, act, document),
        )
        if message is not None:
            messages.success(request, message)
            return HttpResponseRedirect(
                request.path if act.is_repeated else self._url_after_act(request, document)
            )
        return self._confirm_page(
            request,
            act,
            form,
            consequences=act.consequences(document),
            plan=plan,
            back_url=self._url_back_from_act(request, document),
            document=document,
        )

    def page_act_view(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """Show the form of an act of the whole list and, on POST, do it."""
        act = _named(self.page_acts, name)
        if not (self.has_view_permission(request) and _may(request, act.permission)):
            raise PermissionDenied

        form = _bound_form(act.form, request)
        done, plan = _attempt(
            request,
            form,
            plan=act.plan and partial(act.plan, request),
            perform=partial(act.perform, request),
        )
        if isinstance(done, HttpResponseBase):
            return done
        if done is not None:
            message, next_document = done
            messages.success(request, message)
            return HttpResponseRedirect(self._url_after(next_document))
        return self._confirm_page(
            request,
            act,
            form,
            consequences=act.consequences,
            plan=plan,
            back_url=self._url("changelist"),
        )

    def download_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponseBase:
        """Answer with the file a document offers."""
        download = _named(self.downloads, name)
        document = self._permitted_document(request, object_id, download.permission)
        if not download.is_offered(document):
            raise Http404
        return download.open(request, document)

    def _permitted_document(self, request: HttpRequest, object_id: str, permission: str) -> Model:
        """Return the document, if the person may see it and has the permission."""
        if not _may(request, permission):
            raise PermissionDenied
        document: Model | None = self.get_object(request, unquote(object_id))
        if document is None:
            raise Http404
        if not self.has_view_permission(request, document):
            raise PermissionDenied
        return document

    def _perform_act(
        self,
        request: HttpRequest,
        act: Act,
        document: Model,
        cleaned: Mapping[str, Any],
        now: datetime,
    ) -> str:
        message = act.perform(request, document, cleaned, now)
        self.log_change(request, document, act.label)
        return message

    def _confirm_page(
        self,
        request: HttpRequest,
        act: Act | PageAct,
        form: ActForm,
        *,
        consequences: Sequence[str],
        plan: Sequence[str],
        back_url: str,
        document: Model | None = None,
    ) -> TemplateResponse:
        dress(form)
        context = {
            **self.admin_site.each_context(request),
            "title": act.label,
            "opts": self.opts,
            "original": document,
            "media": self.media + form.media,
            "act": act,
            "form": form,
            "table": form.line_table(),
            "consequences": consequences,
            "is_planned": act.plan is not None,
            "plan": plan,
            "seal": seal(plan),
            "back_url": back_url,
        }
        return TemplateResponse(request, "admin/act.html", context)

    def _document_buttons(self, request: HttpRequest, document: Model) -> list[dict[str, Any]]:
        key = quote(document.pk)
        acts = [
            _button(act, self._url("act", key, act.name))
            for act in self.acts
            if _may(request, act.permission) and act.is_offered(document)
        ]
        downloads = [
            _button(download, self._url("download", key, download.name))
            for download in self.downloads
            if _may(request, download.permission) and download.is_offered(document)
        ]
        return _fitted([*_first_in_color(acts), *downloads])

    def _list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        return _first_in_color(
            [
                _button(act, self._url("page_act", act.name))
                for act in self.page_acts
                if act.is_listed and _may(request, act.permission)
            ]
        )

    def _path(self, route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
        pattern: URLPattern = path(
            route, self.admin_site.admin_view(view), name=self._url_name(name)
        )
        return pattern

    def _url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def _url(self, name: str, *args: Any) -> str:
        return reverse(f"{self.admin_site.name}:{self._url_name(name)}", args=args)

    def _document_url(self, document: Model) -> str:
        return self._url("change", quote(document.pk))

    def _url_after_act(self, request: HttpRequest, document: Model) -> str:  # noqa: ARG002 - for pages that lead on
        """Return where to go when an act of a document is done: its page."""
        return self._document_url(document)

    def _url_back_from_act(self, request: HttpRequest, document: Model) -> str:  # noqa: ARG002 - as above
        """Return where the page of an act leads back to."""
        return self._document_url(document)

    def _url_after(self, document: Model | None) -> str:
        """Return where to go after an act: to the document it made, else to the list."""
        if document is None:
            return self._url("changelist")
        options = document._meta  # noqa: SLF001 - Django's documented model API
        name = f"{self.admin_site.name}:{options.app_label}_{options.model_name}_change"
        return reverse(name, args=[quote(document.pk)])


class ViewOnlyAdmin(BaseAdmin):
    """The admin of ledgers and of rows that only operations write: they are read, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return False


class BaseInline(TabularInline):  # type: ignore[misc]  # Unfold has no type information
    """Rows edited on their document's page, without empty rows at the end."""

    extra = 0


class ViewOnlyInline(BaseInline):
    """Rows shown on their document's page that only operations write."""

    can_delete = False
    max_num = 0
    # The columns say which row it is; a key of ours above them says nothing to anybody.
    hide_title = True

    def has_add_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return False


@cache
def _amount_column(field: MoneyField) -> Callable[[Model], str]:
    """Return the column of a list for a field; the same one each time, as sorting compares them."""

    @admin.display(description=field.verbose_name, ordering=field.name, empty_value="-")
    def amount(row: Model) -> str | None:
        value = getattr(row, field.name)
        return None if value is None else display_rate(value)

    amount.__name__ = field.name
    return amount


def _named(offers: Sequence[Named], name: str) -> Named:
    for offer in offers:
        if offer.name == name:
            return offer
    raise Http404


def _may(request: HttpRequest, permission: str) -> bool:
    return request.user.has_perm(permission)


def _bound_form(
    form_class: type[ActForm] | None, request: HttpRequest, document: Model | None = None
) -> ActForm:
    form_class = form_class or ActForm
    if request.method == "POST":
        return form_class(request.POST, request.FILES, document=document)
    # A link may fill in fields, as it may on Django's own forms, but never the key.
    return form_class(document=document, initial={**request.GET.dict(), "key": new_key()})


def _attempt(
    request: HttpRequest,
    form: ActForm,
    *,
    plan: Callable[[Mapping[str, Any], datetime], Sequence[str]] | None,
    perform: Callable[[Mapping[str, Any], datetime], Done],
) -> tuple[Done | None, Sequence[str]]:
    """Do what a valid form asks for; return what came of it, or the plan to be confirmed first."""
    if request.method != "POST" or not form.is_valid():
        return None, ()
    cleaned, now = form.cleaned_data, timezone.now()
    planned = _perform(request, partial(plan, cleaned, now)) if plan else ()
    if planned is None:
        return None, ()
    confirmed = request.POST.get("confirmed")
    if planned and confirmed != seal(planned):
        if confirmed:
            messages.warning(request, "This is no longer what you were shown. Look at it again.")
        return None, planned
    return _perform(request, partial(perform, cleaned, now)), ()


def _perform(request: HttpRequest, perform: Callable[[], Done]) -> Done | None:
    """Do it in one transaction; a refusal becomes a message and None."""
    try:
        with transaction.atomic():
            return perform()
    except BusinessError as refusal:
        messages.error(request, _in_lines(refusal.message))
    except Error as error:
        text = refusal_text(error)
        if text is None:
            raise
        messages.error(request, text)
    return None


def _in_lines(text: str) -> SafeString:
    """Return the text with its lines below each other, as a refusal of many lines is written."""
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in text.splitlines()))


def _count_as_complete_without_filters(change_list: Any) -> None:
    """Spare a list that shows everything the words "42 results (Show all)"."""
    if change_list and not change_list.has_active_filters and not change_list.query:
        change_list.full_result_count = change_list.result_count


def _button(offer: Act | PageAct | Download, url: str) -> dict[str, Any]:
    """Return what Unfold's template of a button reads."""
    is_dangerous = getattr(offer, "is_dangerous", False)
    return {
        "title": offer.label,
        "icon": offer.icon or None,
        "variant": ActionVariant.DANGER if is_dangerous else ActionVariant.DEFAULT,
        "attrs": {},
        "dialog": None,
        "path": url,
    }


def _first_in_color(buttons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put forward the first act, which is what is most likely to be done next."""
    if buttons and buttons[0]["variant"] == ActionVariant.DEFAULT:
        buttons[0]["variant"] = ActionVariant.PRIMARY
    return buttons


def _fitted(buttons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fold the buttons that a narrow screen has no room for into one called More."""
    if len(buttons) <= BUTTONS_SHOWN + 1:
        return buttons
    more = {
        "title": "More",
        "icon": None,
        "variant": ActionVariant.DEFAULT,
        "attrs": {},
        "dialog": None,
        "method_name": "more",
        "items": buttons[BUTTONS_SHOWN:],
    }
    return [*buttons[:BUTTONS_SHOWN], more]
