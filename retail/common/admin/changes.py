"""What was changed in a row whose history is kept, and by whom."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Field, ForeignKey, Model
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from retail.common.fields import EncryptedTextField
from retail.common.models import User

CHANGES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One field that was changed: when, by whom (empty: by the system), from what to what."""

    at: datetime
    by: str
    field: str
    before: str
    after: str


def changes_of(row: Model, *, besides: Collection[str] = ()) -> list[Change]:
    """
    Return what was changed in a row, the latest first, as far as its last 20 versions tell.

    besides: names of fields that are left out. Secrets always are.
    """
    versions = list(
        row.events.select_related("pgh_context").order_by("-pgh_id")[:CHANGES_SHOWN]  # type: ignore[attr-defined]  # of keep_history
    )
    fields = [
        field
        for field in row._meta.concrete_fields  # noqa: SLF001 - Django's documented model API
        if field.name not in besides and not isinstance(field, EncryptedTextField)
    ]
    # Each version is the row as it was before a change, so what it became stands in the next one.
    became = [row, *versions]
    steps = [
        (version, field, field.value_from_object(version), field.value_from_object(later))
        for version, later in zip(versions, became, strict=False)
        for field in fields
    ]
    steps = [step for step in steps if step[2] != step[3]]
    people = _people(versions)
    names = {
        field: _names(field, [value for _v, one, *pair in steps for value in pair if one == field])
        for field in {field for _version, field, *_pair in steps}
    }
    return [
        Change(
            at=version.pgh_created_at,
            by=people.get(_user_id(version), ""),
            field=str(field.verbose_name),
            before=names[field].get(before, ""),
            after=names[field].get(after, ""),
        )
        for version, field, before, after in steps
    ]


def changes_table(row: Model, *, besides: Collection[str] = ()) -> SafeString:
    """Return the changes of a row as a table for its page."""
    return render_to_string("admin/changes.html", {"changes": changes_of(row, besides=besides)})


def _user_id(version: Any) -> int | None:
    context = version.pgh_context
    return context.metadata.get("user") if context else None


def _people(versions: Collection[Any]) -> Mapping[int | None, str]:
    user_ids = {user_id for version in versions if (user_id := _user_id(version))}
    return dict(User.objects.filter(pk__in=user_ids).values_list("pk", "username"))


def _names(field: Field[Any, Any], values: Collection[Any]) -> dict[Any, str]:
    """Return value -> how a person reads it, in one query at most."""
    if isinstance(field, ForeignKey):
        rows = field.related_model._default_manager.in_bulk(  # noqa: SLF001 - documented model API
            {value for value in values if value is not None}
        )
        return {pk: str(rows.get(pk, pk)) for pk in values if pk is not None}
    labels = dict(field.flatchoices)
    return dict(_readable(values, labels))


def _readable(values: Collection[Any], labels: Mapping[Any, Any]) -> Iterator[tuple[Any, str]]:
    for value in values:
        if value is None:
            continue
        if isinstance(value, bool):
            yield value, "yes" if value else "no"
        else:
            yield value, str(labels.get(value, value))
