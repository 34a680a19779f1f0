"""What can be done to a count, from the wish to the approval."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django import forms
from django.db.models import Model
from django.forms.boundfield import BoundField
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.text import get_valid_filename
from unfold.widgets import INPUT_CLASSES

from catalog.forms import ScanField
from catalog.models import Category
from inventory import operations
from inventory.admin.promises import whose
from inventory.admin.shown import SEES_COST, shown_amount, shown_difference
from inventory.models import Location, StockCount, StockCountLine, StockLevel
from inventory.operations import CountPlan, Variance
from inventory.sheets import read_sheet, sheet_lines, with_expected
from retail.common.admin import Act, ActForm, Download, LineTable, PageAct

ADDS = "inventory.add_stockcount"
COUNTS = "inventory.change_stockcount"
APPROVES = "inventory.approve_stockcount"
ASKS = "inventory.add_countrequest"

TYPED_AT_ONCE = 50
LINES_TOLD = 100
# Django takes no more fields than a thousand in one form.
REASONS_AT_ONCE = 300

Status = StockCount.Status


class MomentInput(forms.DateTimeInput):
    """The browser's own calendar and clock."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        usual = {"class": " ".join(INPUT_CLASSES), "step": 1}
        super().__init__(attrs=usual | (attrs or {}), format="%Y-%m-%dT%H:%M:%S")


class CountedAtForm(ActForm):
    """When the shelf was counted."""

    counted_at = forms.DateTimeField(
        label="Counted at",
        required=False,
        widget=MomentInput,
        help_text="Empty: now. What is sold later does not make the figure wrong.",
    )


class NewCountForm(ActForm):
    """Which articles of which location are put on a sheet."""

    location = forms.ModelChoiceField(queryset=Location.objects.order_by("priority", "code"))
    category = forms.ModelChoiceField(
        queryset=Category.objects.order_by("name", "pk"),
        required=False,
        help_text="With the categories below it. Empty: all.",
    )
    abc_class = forms.ChoiceField(
        label="ABC class",
        choices=[("", "All"), ("A", "A"), ("B", "B"), ("C", "C")],
        required=False,
        help_text="A makes up most of what is sold, C the least.",
    )
    only_requested = forms.BooleanField(
        required=False, help_text="Only what somebody asked to be counted."
    )
    is_blind = forms.BooleanField(
        label="Blind",
        required=False,
        initial=True,
        help_text="Whoever counts does not see what is expected.",
    )


class ScanForm(CountedAtForm):
    """One article and how many of it there are."""

    article = ScanField(stocked_only=True)
    counted = forms.IntegerField(
        label="Units counted", help_text="All there are, zero included. A pack's code counts packs."
    )
    is_found = forms.BooleanField(
        label="Put it on the sheet",
        required=False,
        help_text="For an article that is found here and not on the sheet.",
    )
    field_order = ("article", "counted", "is_found", "counted_at")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        scanned = cleaned.get("article")
        if scanned is None or not isinstance(self.document, StockCount):
            return cleaned
        line = self.document.lines.filter(level__variant=scanned.variant).first()
        cleaned["line"] = line
        if line is None and not cleaned.get("is_found"):
            msg = f"{scanned.variant} is not on this sheet. Put it there, if it is found here."
            self.add_error("article", msg)
        return cleaned


class FiguresForm(CountedAtForm):
    """The lines that are not counted yet, as a table to type into."""

    def __init__(self, *args: Any, document: Any, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        lines = document.lines.select_related("level__variant__product").order_by(
            "level__variant__sku"
        )
        if self.is_bound:
            # Also what somebody else has counted meanwhile, so that it can be said.
            typed = [name.removeprefix("counted_") for name in self.data if name[8:].isdecimal()]
            self._lines = list(lines.filter(pk__in=typed))
        else:
            self._lines = list(lines.filter(counted__isnull=True)[:TYPED_AT_ONCE])
        for line in self._lines:
            self.fields[f"counted_{line.pk}"] = forms.IntegerField(required=False)

    def line_table(self) -> LineTable:
        rows: list[Sequence[str | BoundField]] = [
            (*_article(line), self[f"counted_{line.pk}"]) for line in self._lines
        ]
        return LineTable(headings=("SKU", "Article", "Units counted"), rows=rows)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        figures = {line.pk: cleaned.get(f"counted_{line.pk}") for line in self._lines}
        cleaned["figures"] = {pk: units for pk, units in figures.items() if units is not None}
        return cleaned


class UploadForm(CountedAtForm):
    """The sheet's file, filled in."""

    file = forms.FileField(help_text="The downloaded sheet, filled in: CSV or Excel.")
    field_order = ("file", "counted_at")


class RecountForm(ActForm):
    """Which lines are counted again."""

    def __init__(self, *args: Any, document: Any, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        lines = with_expected(document.lines.filter(counted__isnull=False))
        self._lines: list[Any] = list(
            lines.select_related("level__variant__product").order_by("level__variant__sku")
        )
        for line in self._lines:
            self.fields[f"again_{line.pk}"] = forms.BooleanField(required=False)

    def line_table(self) -> LineTable:
        headings: tuple[str, ...] = ("", "SKU", "Article", "Counted")
        if self.document.sees_expected:  # type: ignore[union-attr]  # annotated
            headings = (*headings, "Difference")
        rows = [
            (
                self[f"again_{line.pk}"],
                *_article(line),
                f"{line.counted:,}",
                shown_difference(line.counted - line.expected_now),
            )[: len(headings)]
            for line in self._lines
        ]
        return LineTable(headings=headings, rows=rows)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["lines"] = [line.pk for line in self._lines if cleaned.get(f"again_{line.pk}")]
        return cleaned


class ApproveForm(ActForm):
    """Why each line differs, where that is known."""

    def __init__(self, *args: Any, document: Any, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        plan = operations.plan_count(count_id=document.pk, at=timezone.now())
        self._off = sorted(plan.off, key=lambda each: (-abs(each.units), each.line.pk))
        del self._off[REASONS_AT_ONCE:]
        for variance in self._off:
            self.fields[f"reason_{variance.line.pk}"] = forms.ChoiceField(
                choices=[("", "-"), *StockCountLine.Reason.choices],
                required=False,
                initial=variance.line.reason,
            )

    def line_table(self) -> LineTable:
        rows: list[Sequence[str | BoundField]] = [
            (
                *_article(variance.line),
                f"{variance.expected:,}",
                f"{variance.line.counted:,}",
                shown_difference(variance.units),
                self[f"reason_{variance.line.pk}"],
            )
            for variance in self._off
        ]
        return LineTable(
            headings=("SKU", "Article", "Expected", "Counted", "Difference", "Why"), rows=rows
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        reasons = {each.line.pk: cleaned.get(f"reason_{each.line.pk}") for each in self._off}
        cleaned["reasons"] = {pk: reason for pk, reason in reasons.items() if reason}
        return cleaned


class ReasonForm(ActForm):
    reason = forms.CharField(
        max_length=200, help_text="What was not as it should be: an empty shelf, a wrong figure."
    )


def _article(line: StockCountLine) -> tuple[str, str]:
    variant = line.level.variant
    return variant.sku, f"{variant.product.name} {variant.name}".rstrip()


def new_count(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    count = operations.open_count(
        location=cleaned["location"],
        key=cleaned["key"],
        category=cleaned["category"],
        abc_class=cleaned["abc_class"],
        only_requested=cleaned["only_requested"],
        is_blind=cleaned["is_blind"],
        at=now,
        by=request.user,
    )
    return f"{count} has {count.lines.count():,} articles. {count.selection}.", count


def enter_scanned(
    request: HttpRequest, count: StockCount, cleaned: Mapping[str, Any], now: datetime
) -> str:
    scanned, line = cleaned["article"], cleaned["line"]
    counted_at = cleaned["counted_at"] or now
    if line is None:
        [line] = operations.add_count_lines(
            count_id=count.pk, variant_ids=[scanned.variant.pk], at=counted_at
        )
    units = cleaned["counted"] * scanned.units
    operations.record_counts(
        count_id=count.pk,
        counted={line.pk: units},
        counted_at=counted_at,
        at=now,
        by=request.user,
    )
    left = count.lines.filter(counted__isnull=True).count()
    return f"{scanned.variant}: {units:,} units. {left:,} articles are left to count."


def enter_figures(
    request: HttpRequest, count: StockCount, cleaned: Mapping[str, Any], now: datetime
) -> str:
    lines = operations.record_counts(
        count_id=count.pk,
        counted=cleaned["figures"],
        counted_at=cleaned["counted_at"] or now,
        at=now,
        by=request.user,
    )
    return f"{len(lines):,} articles are counted."


def upload(
    request: HttpRequest, count: StockCount, cleaned: Mapping[str, Any], now: datetime
) -> str:
    uploaded = cleaned["file"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / get_valid_filename(Path(uploaded.name).name)
        with path.open("wb") as file:
            for chunk in uploaded.chunks():
                file.write(chunk)
        rows = read_sheet(path, number=count.number)
    lines = operations.record_sheet(
        count_id=count.pk,
        rows=rows,
        counted_at=cleaned["counted_at"] or now,
        at=now,
        by=request.user,
    )
    known = len(rows) - len(lines)
    return f"{len(lines):,} articles are counted; {known:,} were known already."


def submit(
    request: HttpRequest, count: StockCount, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    done = operations.post_count(
        count_id=count.pk,
        at=now,
        by=request.user,
    ).count
    if done.status == Status.POSTED:
        return f"{done} is posted; stock is as it was counted."
    return f"{done} waits for the approval of somebody who counted none of it."


def approve(
    request: HttpRequest, count: StockCount, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.approve_count(
        count_id=count.pk,
        reasons=cleaned["reasons"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{count} is posted; stock is as it was counted."


def recount(
    _request: HttpRequest, count: StockCount, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.request_recount(count_id=count.pk, line_ids=cleaned["lines"])
    return f"{len(cleaned['lines']):,} articles are to be counted again."


def drop_uncounted(
    _request: HttpRequest, count: StockCount, _cleaned: Mapping[str, Any], _now: datetime
) -> str:
    dropped = operations.drop_uncounted_lines(count_id=count.pk)
    return f"{dropped:,} articles were left out."


def cancel(
    _request: HttpRequest, count: StockCount, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.cancel_count(count_id=count.pk, at=now)
    return f"{count} is cancelled; stock is as it was."


def ask_for_count(
    request: HttpRequest, level: StockLevel, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.request_counts(
        level_ids=[level.pk],
        reason=cleaned["reason"],
        at=now,
        by=request.user,
    )
    return f"{level.variant} at {level.location} is to be counted."


def plan_to_submit(
    request: HttpRequest, count: Any, _cleaned: Mapping[str, Any], now: datetime
) -> Sequence[str]:
    """Say what differs; nothing to whoever counts blind, or while something is not counted."""
    if count.lines_left or not count.sees_expected:
        return ()
    plan = operations.plan_count(count_id=count.pk, at=now)
    place = count.location
    is_small = (
        plan.units_off <= place.count_units_limit and plan.value_off <= place.count_value_limit
    )
    outcome = (
        "That is within the limits of the location: it is posted at once."
        if is_small
        else "That is above a limit of the location: it waits for the approval of somebody else."
    )
    return (*_told(request, plan), outcome)


def plan_to_approve(
    request: HttpRequest, count: StockCount, _cleaned: Mapping[str, Any], now: datetime
) -> Sequence[str]:
    plan = operations.plan_count(count_id=count.pk, at=now)
    return (*_told(request, plan), "Stock is put right by that.")


def _told(request: HttpRequest, plan: CountPlan) -> Sequence[str]:
    """Say line by line what posting would change, and which promises that would take back."""
    if plan.errors:
        raise operations.CountRefused(plan.errors)
    sees_value = request.user.has_perm(SEES_COST)
    off = sorted(plan.off, key=lambda each: (-abs(each.units), each.line.level.variant.sku))
    more = off[LINES_TOLD:]
    agreeing = len(plan.variances) - len(off)
    worth = f", worth {shown_amount(plan.value_off)}" if sees_value else ""
    return (
        *(_difference(each, sees_value=sees_value) for each in off[:LINES_TOLD]),
        *([f"{sum(abs(e.units) for e in more):,} units of {len(more):,} more."] if more else []),
        f"{agreeing:,} articles are as expected, the others {plan.units_off:,} units off{worth}.",
        *(
            f"{units:,} of {promise.level.variant}, promised to {whose(promise)}, are taken back."
            for promise, units in plan.withdrawn.items()
        ),
    )


def _difference(variance: Variance, *, sees_value: bool) -> str:
    value = f", {shown_amount(variance.value)}" if sees_value else ""
    return (
        f"{variance.line.level.variant}: {variance.line.counted:,} counted,"
        f" {variance.expected:,} expected, {variance.units:+,} units{value}."
    )


def submit_consequences(count: Any) -> Sequence[str]:
    left = count.lines_left
    return (
        *(
            [f"{left:,} articles are not counted yet: count them or leave them out."]
            if left
            else []
        ),
        "Stock is put right by what differs from the ledger at the moment of each figure.",
        "What differs by more than the limits of the location waits for somebody else's approval.",
        "Where less is found than is promised, the youngest promises are taken back.",
    )


def drop_consequences(count: Any) -> Sequence[str]:
    return (
        f"{count.lines_left:,} articles have no figure and leave the sheet.",
        "What was sent back to be counted again stays on it.",
    )


def is_counting(count: StockCount) -> bool:
    return count.status == Status.COUNTING


def has_lines_left(count: Any) -> bool:
    return is_counting(count) and count.lines_left > 0


def has_counted_lines(count: Any) -> bool:
    return is_open(count) and count.lines_total > count.lines_left


def is_awaiting(count: StockCount) -> bool:
    return count.status == Status.AWAITING_APPROVAL


def is_open(count: StockCount) -> bool:
    return count.closed_at is None


def download_sheet(_request: HttpRequest, count: StockCount) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        sheet_lines(count),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{count.number}.csv"'},
    )


NEW_COUNT = PageAct(
    name="new",
    label="New count",
    permission=ADDS,
    perform=new_count,
    form=NewCountForm,
    consequences=(
        "What lies there now is put on a sheet; the shop goes on selling.",
        "An article that is on another open sheet is left out.",
    ),
    icon="fact_check",
)

ASK_FOR_COUNT = Act(
    name="ask-for-count",
    label="Ask for a count",
    permission=ASKS,
    perform=ask_for_count,
    form=ReasonForm,
    consequences=lambda level: (
        f"{level.variant} at {level.location} is put on the list of what is to be counted.",
        "If it is there already, the first wish stays as it is.",
    ),
    icon="rule_settings",
)

COUNT_ACTS = (
    Act(
        name="scan",
        label="Enter counts",
        permission=COUNTS,
        perform=enter_scanned,
        form=ScanForm,
        is_offered=is_counting,
        is_repeated=True,
        icon="barcode_scanner",
    ),
    Act(
        name="figures",
        label="Enter figures",
        permission=COUNTS,
        perform=enter_figures,
        form=FiguresForm,
        is_offered=has_lines_left,
        consequences=lambda count: (
            f"{count.lines_left:,} articles are left to count; the first {TYPED_AT_ONCE} are here.",
            "Leave empty what is not counted yet. Zero means that nothing is there.",
        ),
        is_repeated=False,
        icon="edit_note",
    ),
    Act(
        name="approve",
        label="Approve",
        permission=APPROVES,
        perform=approve,
        form=ApproveForm,
        is_offered=is_awaiting,
        plan=plan_to_approve,
        consequences=lambda _count: (
            "Stock is put right by these differences, at today's average cost.",
            "Nobody approves what they counted or handed in.",
        ),
        icon="check",
    ),
    Act(
        name="submit",
        label="Hand in",
        permission=COUNTS,
        perform=submit,
        is_offered=is_counting,
        plan=plan_to_submit,
        consequences=submit_consequences,
        icon="outgoing_mail",
    ),
    Act(
        name="upload",
        label="Upload sheet",
        permission=COUNTS,
        perform=upload,
        form=UploadForm,
        is_offered=is_counting,
        consequences=lambda _count: (
            "All lines are taken, or none of them: what is wrong is told line by line.",
            "Lines without a figure stay to be counted.",
            "The same file may come twice.",
        ),
        icon="upload_file",
    ),
    Act(
        name="recount",
        label="Count again",
        permission=COUNTS,
        perform=recount,
        form=RecountForm,
        is_offered=has_counted_lines,
        consequences=lambda _count: (
            "These lines are counted again; the first figures are kept.",
            "A sheet that was handed in is open for counting again.",
        ),
        icon="replay",
    ),
    Act(
        name="drop",
        label="Leave out the rest",
        permission=COUNTS,
        perform=drop_uncounted,
        is_offered=has_lines_left,
        consequences=drop_consequences,
        is_dangerous=True,
        icon="playlist_remove",
    ),
    Act(
        name="cancel",
        label="Cancel",
        permission=COUNTS,
        perform=cancel,
        is_offered=is_open,
        consequences=lambda _count: (
            "Stock stays as it is; what was counted is kept with the sheet.",
            "The articles can be put on another sheet.",
        ),
        is_dangerous=True,
        icon="delete",
    ),
)

SHEET = Download(
    name="sheet",
    label="Download sheet",
    permission="inventory.view_stockcountline",
    open=download_sheet,
)
