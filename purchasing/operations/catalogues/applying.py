"""The staged lines of a supplier's file taken into the catalog, a part at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from purchasing.models import Supplier
from purchasing.operations.catalogues import guards
from purchasing.operations.catalogues.comparing import (
    KIND,
    LINES_AT_ONCE,
    added,
    compare,
    count_catalog,
    create_incoming,
    execute,
    joined_at_once,
)
from purchasing.operations.catalogues.runs import lock_run, remove_staged, require_staged
from purchasing.queries.comparing import LINE_COLUMNS
from retail.common.errors import BusinessError
from retail.common.imports import finish_import
from retail.common.models import ImportRun, User

_TAKE_ALL = f"""
    INSERT INTO supplier_file_incoming ({LINE_COLUMNS})
    SELECT {LINE_COLUMNS} FROM purchasing_supplierfilerow WHERE run_id = %(run)s
"""  # noqa: S608 - names of our own columns
# The rows leave as they are taken: what a killed worker had not committed is there again.
_TAKE_PART = f"""
    WITH taken AS (
        DELETE FROM purchasing_supplierfilerow WHERE id IN (
            SELECT id FROM purchasing_supplierfilerow
            WHERE run_id = %(run)s ORDER BY id LIMIT %(lines)s
        )
        RETURNING {LINE_COLUMNS}
    )
    INSERT INTO supplier_file_incoming ({LINE_COLUMNS}) SELECT {LINE_COLUMNS} FROM taken
"""  # noqa: S608 - names of our own columns
_INSERT_ARTICLES = """
    INSERT INTO purchasing_supplierproduct (
        supplier_id, variant_id, supplier_sku, gtin, name, pack_size, minimum_quantity,
        order_multiple, lead_time_days, available_units, available_said_at, back_in_stock_on,
        seen_at, is_active
    )
    SELECT %(supplier)s, variant_id, supplier_sku, gtin, name, pack_size, minimum_quantity,
           order_multiple, lead_time_days, available_units,
           CASE WHEN is_available_told THEN %(at)s::timestamptz END, back_in_stock_on,
           %(at)s, TRUE
    FROM supplier_file_compared WHERE article_id IS NULL
"""
_UPDATE_ARTICLES = """
    UPDATE purchasing_supplierproduct AS article
    SET variant_id = compared.variant_id, gtin = compared.gtin, name = compared.name,
        pack_size = compared.pack_size, minimum_quantity = compared.minimum_quantity,
        order_multiple = compared.order_multiple, lead_time_days = compared.lead_time_days,
        available_units = compared.available_units,
        available_said_at = CASE
            WHEN compared.is_available_told THEN %(at)s ELSE article.available_said_at
        END,
        back_in_stock_on = compared.back_in_stock_on, seen_at = %(at)s
    FROM supplier_file_compared AS compared
    WHERE compared.article_id = article.id AND compared.is_article_changed
"""
_REPLACE_PRICES_OF_THE_DAY = """
    UPDATE purchasing_supplierprice AS price SET unit_cost = compared.unit_cost, run_id = %(run)s
    FROM supplier_file_compared AS compared
    WHERE compared.price_id = price.id AND compared.is_price_changed
        AND compared.price_from = compared.holds_from
"""
_CLOSE_PRICES = """
    UPDATE purchasing_supplierprice AS price SET valid_to = compared.holds_from
    FROM supplier_file_compared AS compared
    WHERE compared.price_id = price.id AND compared.is_price_changed
        AND compared.price_from < compared.holds_from
"""
# A price already entered for a later day still takes over on that day. Joined, not looked up for
# each line, for the reason that `joined_at_once` gives.
_OPEN_PRICES = """
    INSERT INTO purchasing_supplierprice (
        supplier_product_id, min_quantity, unit_cost, valid_from, valid_to, run_id
    )
    SELECT article.id, 1, compared.unit_cost, compared.holds_from, min(later.valid_from), %(run)s
    FROM supplier_file_compared AS compared
    JOIN purchasing_supplierproduct AS article
        ON article.supplier_id = %(supplier)s AND article.supplier_sku = compared.supplier_sku
    LEFT JOIN purchasing_supplierprice AS later
        ON later.supplier_product_id = article.id AND later.min_quantity = 1
        AND later.valid_from > compared.holds_from
    WHERE compared.is_price_changed
        AND (compared.price_from IS NULL OR compared.price_from < compared.holds_from)
    GROUP BY article.id, compared.unit_cost, compared.holds_from
"""


class StoppedByGuards(BusinessError):
    """The file looks wrong; somebody has to say why it is right all the same."""


class AnotherFileIsApplied(BusinessError):
    """Files of one supplier are applied one after the other, each of them whole."""


def apply_supplier_file(
    *, run_id: int, at: datetime, by: User | None, reason: str = ""
) -> ImportRun:
    """
    Bring all staged lines into the supplier's catalog, touching only what differs.

    Each part in a transaction of its own, unless the caller holds one. See `begin_applying` for
    the rules and refusals. A run that was applied is returned as it is; one that somebody's death
    left in the middle is carried on.
    """
    run = begin_applying(run_id=run_id, at=at, by=by, reason=reason)
    while run.status == ImportRun.Status.APPLYING:
        run = apply_part(run_id=run_id, at=at)
    return run


@transaction.atomic
def begin_applying(*, run_id: int, at: datetime, by: User | None, reason: str = "") -> ImportRun:
    """
    Decide that a staged file is applied: at once where it is small, else a part at a time.

    The lines that wait are compared anew under lock, because the catalog may have changed since
    the file was staged; what was as the catalog then changes nothing now. A new price is valid
    from the day the line names, else from today, and ends the one before; a second one of a day
    replaces the first. Returns the run DONE, or APPLYING, which `apply_part` carries on. A run
    that is past this decision is returned as it is.
    reason: why the file is right although a guard stops it; kept in the run's report.
    Locks: the run, then the supplier.

    :raises StoppedByGuards: a guard stops the file, and no reason is given.
    :raises AnotherFileIsApplied: a large file of the supplier is in the middle of it.
    :raises WrongStatus: the run was discarded.
    """
    run = lock_run(run_id)
    if run.status in {ImportRun.Status.APPLYING, ImportRun.Status.DONE}:
        return run
    require_staged(run)
    supplier_id = _lock_supplier(run)
    _refuse_second_file(run, supplier_id)
    create_incoming()
    execute(_TAKE_ALL, run=run.pk)
    with joined_at_once():
        compared = compare(supplier_id=supplier_id, on=at.date())
    figures = added(compared.every_line, run.report["left_out"])
    _look_again(run, figures, supplier_id)
    _refuse_stopped(run.report["guards"], reason)
    run.report |= {
        "applied_by": by.get_username() if by else "",
        "applied_at": at.isoformat(),
        "overruled_because": reason.strip() if run.report["guards"] else "",
        "to_apply": sum(compared.every_line[name] for name in ("new", "changed", "unchanged")),
        "taken": 0,
    }
    if run.report["to_apply"] <= LINES_AT_ONCE:
        _write(run, supplier_id, decided_at=at)
        remove_staged(run)
        run.lines_skipped = run.report["skipped"] + figures["unchanged"]
        return _finish(run, imported=figures["new"] + figures["changed"], at=at)
    left_out = run.report["left_out"]["unchanged"]
    run.lines_skipped = run.report["skipped"] + left_out
    run.report |= {"applied": {"new": 0, "changed": 0, "unchanged": left_out}}
    run.status = ImportRun.Status.APPLYING
    run.save()
    return run


@transaction.atomic
def apply_part(*, run_id: int, at: datetime) -> ImportRun:
    """
    Take the next ten thousand lines of a file that is being applied; the last part closes it.

    A run that is not being applied, because another worker closed it, is returned as it is.
    Locks: the run, then the supplier.
    """
    run = lock_run(run_id)
    if run.status != ImportRun.Status.APPLYING:
        return run
    supplier_id = _lock_supplier(run)
    # The day of the decision for every part, also when midnight or a dead worker lies between.
    decided_at = datetime.fromisoformat(run.report["applied_at"])
    create_incoming()
    taken = execute(_TAKE_PART, run=run.pk, lines=LINES_AT_ONCE)
    with joined_at_once():
        figures = compare(supplier_id=supplier_id, on=decided_at.date()).every_line
    _write(run, supplier_id, decided_at=decided_at)
    applied = run.report["applied"]
    run.report["applied"] = {name: applied[name] + figures[name] for name in applied}
    run.report["taken"] += taken
    run.lines_imported += figures["new"] + figures["changed"]
    run.lines_skipped += figures["unchanged"]
    run.save()
    if taken == LINES_AT_ONCE:
        return run
    run.report |= run.report["applied"]
    return _finish(run, imported=run.lines_imported, at=at)


def _lock_supplier(run: ImportRun) -> int:
    supplier = Supplier.objects.select_for_update(of=("self",), no_key=True).get(
        pk=run.report["supplier"]
    )
    return supplier.pk


def _refuse_second_file(run: ImportRun, supplier_id: int) -> None:
    other = (
        ImportRun.objects.filter(
            kind=KIND, status=ImportRun.Status.APPLYING, report__supplier=supplier_id
        )
        .exclude(pk=run.pk)
        .first()
    )
    if other:
        raise AnotherFileIsApplied(
            f"{other.file_name} of the same supplier is being applied. Wait until it is done.",
            run_id=other.pk,
        )


def _look_again(run: ImportRun, figures: dict[str, int], supplier_id: int) -> None:
    """Bring the figures and guards of the report to what the catalog says by now."""
    limits = run.report["limits"]
    run.report |= {
        **figures,
        **count_catalog(supplier_id=supplier_id, seen=figures["seen"]),
        **guards.large_changes(limit=limits["price_change"]),
    }
    run.report["guards"] = guards.stopping(
        run.report,
        limits=limits,
        read=run.lines_read - run.report["skipped"],
        refused=run.lines_refused,
    )


def _refuse_stopped(stopping: Sequence[dict[str, str]], reason: str) -> None:
    if stopping and not reason.strip():
        texts = " ".join(guard["text"] for guard in stopping)
        raise StoppedByGuards(
            f"The file looks wrong. {texts} Whoever may overrule that has to say why it is right.",
            guards=[guard["code"] for guard in stopping],
        )


def _write(run: ImportRun, supplier_id: int, *, decided_at: datetime) -> None:
    """Write what differs among the compared lines."""
    with joined_at_once():
        execute(_INSERT_ARTICLES, supplier=supplier_id, at=decided_at)
        execute(_UPDATE_ARTICLES, at=decided_at)
        execute(_REPLACE_PRICES_OF_THE_DAY, run=run.pk)
        execute(_CLOSE_PRICES)
        execute(_OPEN_PRICES, supplier=supplier_id, run=run.pk)


def _finish(run: ImportRun, *, imported: int, at: datetime) -> ImportRun:
    return finish_import(
        run=run,
        read=run.lines_read,
        imported=imported,
        refused=run.lines_refused,
        skipped=run.lines_skipped,
        report=run.report,
        at=at,
    )
