"""Sheets of articles to be counted: what is put on them, sent back, left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import transaction

from catalog.models import Category
from catalog.queries import categories_within
from inventory.models import (
    CountRequest,
    Location,
    StockCount,
    StockCountLine,
    StockLevel,
)
from inventory.operations.levels import ReferenceUsed, lock_levels, require_locations
from inventory.queries.analysis import abc_classes
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User

# Lines written with one statement; the time it takes grows with the square of their number.
BATCH = 500


class NothingToCount(BusinessError):
    """What was chosen puts no article on the sheet."""


class NothingCounted(BusinessError):
    """No figure was given, or none would be left."""


class CountRefused(BusinessError):
    """
    Figures that cannot be taken over; `errors` is line id -> what is wrong with it.

    All of them are named at once, and none of the figures is taken.
    """

    def __init__(self, errors: Mapping[int, str]) -> None:
        self.errors = dict(errors)
        super().__init__(" ".join(self.errors.values()), errors=self.errors)


NOT_ON_SHEET = "A line is not on this sheet."


@transaction.atomic
def open_count(  # noqa: PLR0913 - what is chosen on one form
    *,
    location: Location,
    key: str,
    at: datetime,
    by: User | None = None,
    category: Category | None = None,
    abc_class: str = "",
    variant_ids: Collection[int] | None = None,
    only_requested: bool = False,
    is_blind: bool = True,
) -> StockCount:
    """
    Put articles of a location on a sheet.

    What is chosen is narrowed down by category (and what lies below it), ABC class and open
    requests; without requests it is what lies there. `variant_ids` names articles outright, also
    such as never were there.
    What is on another open sheet is left out; the sheet says how many articles that were.
    key: made by whoever asks; a second call with it returns the first sheet.
    Locks: the StockLevel rows of articles that are named.

    :raises NothingToCount: no article is left.
    :raises UnknownLocation: the location does not exist; UnknownVariant, NotStocked.
    :raises ReferenceUsed: the key stands for a sheet of another location.
    """
    require_locations({location.pk})
    count, is_new = StockCount.objects.get_or_create(
        key=key,
        defaults={
            "location": location,
            "is_blind": is_blind,
            "selection": "Everything here",
            "opened_at": at,
            "opened_by": by,
        },
    )
    if count.location_id != location.pk:
        msg = "This sheet was opened before, for another location."
        raise ReferenceUsed(msg, reference=count.number)
    if not is_new:
        return count
    levels = _chosen_levels(location, category, abc_class, variant_ids, at, only_requested)
    taken = len(_put_on(count, levels, at=at))
    if not taken:
        msg = "Nothing to count: there is no such article here, or all are on open sheets."
        raise NothingToCount(msg)
    count.selection = _in_words(
        category, abc_class, variant_ids, only_requested, left_out=len(levels) - taken
    )
    count.save(update_fields=["selection"])
    return count


@transaction.atomic
def add_count_lines(
    *, count_id: int, variant_ids: Collection[int], at: datetime
) -> list[StockCountLine]:
    """
    Put articles on a sheet that were found and are not on it; return the lines of all of them.

    Locks: the sheet, then the StockLevel rows of articles that never were there.

    :raises WrongStatus: the sheet was submitted or closed.
    :raises CountRefused: an article is on another open sheet.
    :raises NotStocked: an article that is not kept in stock.
    """
    count = locked_count(count_id)
    require_counting(count)
    levels = lock_levels({(count.location_id, variant_id) for variant_id in variant_ids})
    lines = _put_on(count, levels.values(), at=at)
    here = {line.level_id for line in lines}
    elsewhere = StockCountLine.objects.filter(
        settled_at__isnull=True, level__in=[lv for lv in levels.values() if lv.pk not in here]
    )
    if errors := {
        line.pk: f"{line.level.variant} is on another open sheet, {line.count}."
        for line in elsewhere.select_related("level__variant", "count").order_by("pk")
    }:
        raise CountRefused(errors)
    return lines


@transaction.atomic
def request_recount(*, count_id: int, line_ids: Collection[int]) -> StockCount:
    """
    Send lines back to be counted again; what was counted before is kept as an entry.

    A sheet that awaits approval is open for counting again.
    Locks: the sheet, then its lines.

    :raises WrongStatus: the sheet is closed.
    :raises NothingToCount: no line was chosen.
    :raises CountRefused: a line that was not counted yet, or of another sheet.
    """
    count = locked_count(count_id)
    if count.closed_at is not None:
        msg = f"{count} is {count.get_status_display().lower()}: nothing is counted again."
        raise WrongStatus(msg, status=count.status)
    if not line_ids:
        msg = "Choose what is to be counted again."
        raise NothingToCount(msg)
    lines = {line.pk: line for line in locked_lines(count)}
    errors = {
        pk: f"{lines[pk].level.variant} was not counted yet." if pk in lines else NOT_ON_SHEET
        for pk in sorted(set(line_ids))
        if pk not in lines or lines[pk].counted is None
    }
    if errors:
        raise CountRefused(errors)
    again = [lines[pk] for pk in sorted(set(line_ids))]
    for line in again:
        line.recounts += 1
        line.counted = line.counted_at = line.counted_by = line.expected = None
    StockCountLine.objects.bulk_update(
        again,
        ["recounts", "counted", "counted_at", "counted_by", "expected"],
        batch_size=BATCH,
    )
    _back_to_counting(count)
    return count


@transaction.atomic
def drop_uncounted_lines(*, count_id: int) -> int:
    """
    Take what nobody counted off the sheet, so that the rest can be submitted; return how many.

    A line that was counted once and sent back stays.
    Locks: the sheet, then its lines.

    :raises WrongStatus: the sheet was submitted or closed.
    :raises NothingCounted: nothing would be left on it.
    """
    count = locked_count(count_id)
    require_counting(count)
    lines = locked_lines(count)
    doomed = [line.pk for line in lines if line.counted is None and not line.recounts]
    if len(doomed) == len(lines):
        msg = f"Nothing of {count} is counted yet. Cancel the sheet instead."
        raise NothingCounted(msg)
    StockCountLine.objects.filter(pk__in=doomed).delete()
    return len(doomed)


@transaction.atomic
def cancel_count(*, count_id: int, at: datetime) -> StockCount:
    """
    Close a sheet without changing any stock; cancelling it twice changes nothing.

    Locks: the sheet, then its lines.

    :raises WrongStatus: it was posted.
    """
    count = locked_count(count_id)
    if count.status == StockCount.Status.CANCELLED:
        return count
    if count.status == StockCount.Status.POSTED:
        msg = f"{count} is posted; another count puts right what it got wrong."
        raise WrongStatus(msg, status=count.status)
    count.status, count.closed_at = StockCount.Status.CANCELLED, at
    count.save(update_fields=["status", "closed_at"])
    count.lines.update(settled_at=at)
    return count


def locked_count(count_id: int) -> StockCount:
    """Return the sheet, locked."""
    return StockCount.objects.for_update().select_related("location").get(pk=count_id)


def locked_lines(count: StockCount) -> list[StockCountLine]:
    """Return the lines of a locked sheet, locked, with their levels and articles."""
    return list(
        count.lines.select_related("level__variant")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )


def require_counting(count: StockCount) -> None:
    """
    Pass when figures can still come in.

    :raises WrongStatus: the sheet was submitted or closed.
    """
    if count.status != StockCount.Status.COUNTING:
        msg = f"{count} is {count.get_status_display().lower()}: no figures are taken any more."
        raise WrongStatus(msg, status=count.status)


def _back_to_counting(count: StockCount) -> None:
    count.status = StockCount.Status.COUNTING
    count.submitted_at = count.submitted_by = None
    count.units_limit = count.value_limit = count.units_off = count.value_off = None
    count.save()


def _chosen_levels(
    location: Location,
    category: Category | None,
    abc_class: str,
    variant_ids: Collection[int] | None,
    at: datetime,
    only_requested: bool,  # noqa: FBT001 - one of the ways to choose
) -> list[StockLevel]:
    """Return the levels that belong on the sheet."""
    levels = StockLevel.objects.filter(location=location, variant__is_stocked=True)
    if variant_ids is not None:
        named = lock_levels({(location.pk, variant_id) for variant_id in variant_ids})
        levels = levels.filter(pk__in=[level.pk for level in named.values()])
    elif only_requested:
        requests = CountRequest.objects.filter(settled_at__isnull=True)
        levels = levels.filter(pk__in=requests.values("level_id"))
    else:
        levels = levels.filter(on_hand__gt=0)
    if category is not None:
        levels = levels.filter(variant__product__category__in=categories_within(category.pk))
    if abc_class:
        classes = abc_classes(at=at)
        levels = levels.filter(
            variant_id__in=[pk for pk, letter in classes.items() if letter == abc_class]
        )
    return list(levels)


def _put_on(
    count: StockCount, levels: Collection[StockLevel], *, at: datetime
) -> list[StockCountLine]:
    """
    Put levels on a sheet that are on no other open one; return the lines of those it has then.

    Of two sheets opened at once the constraint lets one have an article; the other one waits for
    it, so the lines are written in one order.
    """
    StockCountLine.objects.bulk_create(
        [
            StockCountLine(count=count, level=level, added_at=at)
            for level in sorted(levels, key=lambda level: level.pk)
        ],
        ignore_conflicts=True,
    )
    return list(
        count.lines.filter(level__in=list(levels)).select_related("level__variant").order_by("pk")
    )


def _in_words(
    category: Category | None,
    abc_class: str,
    variant_ids: Collection[int] | None,
    only_requested: bool,  # noqa: FBT001 - one of the ways to choose
    *,
    left_out: int,
) -> str:
    """Say what was put on a sheet."""
    parts: Iterable[str] = (
        f"Category {category}" if category else "",
        f"class {abc_class}" if abc_class else "",
        f"{len(variant_ids)} articles by name" if variant_ids is not None else "",
        "what somebody asked to be counted" if only_requested else "",
    )
    chosen = ", ".join(part for part in parts if part) or "Everything here"
    ending = f"; {left_out} left out, on other open sheets" if left_out else ""
    return f"{chosen[:1].upper()}{chosen[1:]}{ending}"[:200]
