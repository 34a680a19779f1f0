"""Applying what changed about an order on its channel, by how far it got here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any

from customers.operations import Buyer, PostalAddress, identify, record_address
from orders.models import (
    ChannelConflict,
    Fulfillment,
    Order,
    OrderCancellation,
    OrderEvent,
    OrderHold,
    OrderLine,
)
from orders.operations.applying import (
    CANCELLED_THERE,
    add_lines,
    change_article,
    means_same_article,
    promise_again,
    remove_lines,
    set_quantities,
    store_amounts,
    take_amounts,
    take_money,
    told_money,
)
from orders.operations.cancelling import call_off, open_pieces
from orders.operations.changes import (
    AddressChanged,
    ArticleChanged,
    BuyerTold,
    Cancelled,
    DueChanged,
    Event,
    FulfilledOnChannel,
    LineAdded,
    LineQuantityChanged,
    LineRemoved,
    MergedInto,
    NoteAdded,
    Paid,
    PriceChanged,
    Refunded,
    Reopened,
    Snapshot,
    TotalsChanged,
    diff,
    with_called_off,
)
from orders.operations.conflicts import NewConflict, open_conflicts
from orders.operations.events import event, record_events
from orders.operations.holds import NewHold, close_holds, open_holds
from orders.operations.payment_updates import take_told_payments
from orders.operations.payments import follow_payments
from orders.operations.promised import lines_of
from orders.operations.reading import Reading, lacks_buyer, reading_holds
from orders.operations.taking_theirs import plain_amounts, plain_line, plain_money
from orders.operations.versions import known_version, told_version


class Progress(StrEnum):
    """How far an order got here."""

    NOT_BEGUN = "NOT_BEGUN"
    PICKING = "PICKING"
    PACKED = "PACKED"  # or some of it has left
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"


class Rule(StrEnum):
    """What is done about something that became different."""

    APPLY = "APPLY"
    # What is being fetched for it goes back on the shelf first.
    PUT_BACK = "PUT_BACK"
    CONFLICT = "CONFLICT"
    NOTHING = "NOTHING"


APPLY, PUT_BACK, CONFLICT, NOTHING = Rule


def _by_progress(
    not_begun: Rule, picking: Rule, packed: Rule, shipped: Rule, cancelled: Rule
) -> Mapping[Progress, Rule]:
    return dict(zip(Progress, (not_begun, picking, packed, shipped, cancelled), strict=True))


# Goods in a closed parcel, and money and labels that went along with it, are a person's to decide.
RULES: Mapping[type[Event], Mapping[Progress, Rule]] = {
    #                                 not begun, picking,  packed,   shipped,  cancelled
    LineAdded:           _by_progress(APPLY,     APPLY,    CONFLICT, CONFLICT, NOTHING),
    LineQuantityChanged: _by_progress(APPLY,     PUT_BACK, CONFLICT, CONFLICT, NOTHING),
    LineRemoved:         _by_progress(APPLY,     PUT_BACK, CONFLICT, CONFLICT, NOTHING),
    ArticleChanged:      _by_progress(APPLY,     PUT_BACK, CONFLICT, CONFLICT, NOTHING),
    PriceChanged:        _by_progress(APPLY,     APPLY,    CONFLICT, CONFLICT, NOTHING),
    TotalsChanged:       _by_progress(APPLY,     APPLY,    CONFLICT, CONFLICT, NOTHING),
    AddressChanged:      _by_progress(APPLY,     APPLY,    CONFLICT, CONFLICT, NOTHING),
    Cancelled:           _by_progress(APPLY,     PUT_BACK, CONFLICT, CONFLICT, NOTHING),
    MergedInto:          _by_progress(APPLY,     PUT_BACK, CONFLICT, CONFLICT, APPLY),
    Reopened:            _by_progress(NOTHING,   NOTHING,  NOTHING,  NOTHING,  CONFLICT),
    FulfilledOnChannel:  _by_progress(CONFLICT,  CONFLICT, CONFLICT, NOTHING,  NOTHING),
    DueChanged:          _by_progress(APPLY,     APPLY,    APPLY,    NOTHING,  NOTHING),
    BuyerTold:           _by_progress(APPLY,     APPLY,    APPLY,    APPLY,    APPLY),
    Paid:                _by_progress(APPLY,     APPLY,    APPLY,    APPLY,    APPLY),
    Refunded:            _by_progress(APPLY,     APPLY,    APPLY,    APPLY,    APPLY),
    NoteAdded:           _by_progress(APPLY,     APPLY,    APPLY,    APPLY,    APPLY),
}  # fmt: skip


def update_order(*, order: Order, reading: Reading, at: datetime) -> bool:
    """
    Apply what a newer version of a locked order changed; tell whether it changed anything.

    Both versions are compared, and for each thing that became different the rule for how far the
    order got is followed: it is taken over, or kept as a disagreement that holds the order.
    """
    lines = lines_of(order)
    known = known_version(order, lines)
    told = with_called_off(known, told_version(reading))
    update = _Update(order, lines, reading, told, at)
    update.follow(diff(known, told))
    return update.finish()


def progress_of(order: Order, lines: Sequence[OrderLine]) -> Progress:
    """Work out how far a locked order got, by its lines and its begun fulfillments."""
    if order.lifecycle == Order.Lifecycle.CANCELLED:
        return Progress.CANCELLED
    if order.lifecycle == Order.Lifecycle.COMPLETED:
        return Progress.SHIPPED
    begun = set(order.fulfillments.begun().values_list("status", flat=True))
    if any(line.shipped for line in lines) or begun - {Fulfillment.Status.PICKING}:
        return Progress.PACKED
    return Progress.PICKING if begun else Progress.NOT_BEGUN


class _Update:
    """One newer version of a locked order on its way into the rows."""

    def __init__(
        self,
        order: Order,
        lines: list[OrderLine],
        reading: Reading,
        told: Snapshot,
        at: datetime,
    ) -> None:
        self.order = order
        self.lines = lines
        self.reading = reading
        self.at = at
        self.progress = progress_of(order, lines)
        self.line_of = {line.external_line_id: line for line in lines}
        self.told = {line.line_id: line for line in told.lines}
        self.incoming = {line.external_line_id: line for line in reading.lines}
        self.money = told_money(reading, asdict(told.totals))
        self.applied: list[Event] = []
        self.conflicts: list[NewConflict] = []
        self.is_moved = False

    def follow(self, events: Sequence[Event]) -> None:
        """Sort the events by their rules, and do what can be done."""
        for happened in events:
            rule = self._rule(happened)
            if rule == CONFLICT:
                self.conflicts += self._conflict(happened)
            elif rule in {APPLY, PUT_BACK}:
                self.applied.append(happened)
        self._take_persons()
        self._take_goods()
        if self._of(TotalsChanged):
            take_money(self.order, self.money, at=self.at)
            self.is_moved = True
        self._end_there()

    def finish(self) -> bool:
        """Write the timeline, open what is to be decided, and settle the order."""
        order, at = self.order, self.at
        is_disputed = open_conflicts(order=order, conflicts=self._distinct_conflicts(), at=at) > 0
        is_held = self._hold_for_reading()
        if self.is_moved:
            details = [{"change": each.kind, **each.details()} for each in self.applied]
            record_events([event(order, OrderEvent.Kind.UPDATED, at=at, changes=details)])
        if not lacks_buyer(order, self.reading.order):
            note = "The channel told who it is for."
            close_holds(order=order, kinds=[OrderHold.Kind.NO_BUYER], note=note, at=at)
        order.save(
            update_fields=["customer", "delivery_address", "ship_by", "buyer_note", "merged_into"]
        )
        is_paid_anew = take_told_payments(
            order=order, reading=self.reading, lines=self.lines, at=at
        )
        # What is due may be another amount by now, paid or not.
        follow_payments(order=order, lines=self.lines, at=at)
        return self.is_moved or is_disputed or is_held or is_paid_anew

    def _rule(self, happened: Event) -> Rule:
        rule = RULES[type(happened)][self.progress]
        if isinstance(happened, ArticleChanged) and rule == CONFLICT:
            line, told = self.line_of[happened.line_id], self.incoming[happened.line_id]
            return APPLY if means_same_article(self.order, line, told) else rule
        if isinstance(happened, MergedInto) and rule != NOTHING and not self._target(happened):
            # Its goods stay promised until the order that they are for has come.
            return CONFLICT if self.order.is_open else NOTHING
        return rule

    def _of(self, kind: type[Event]) -> list[Any]:
        return [happened for happened in self.applied if isinstance(happened, kind)]

    def _take_persons(self) -> None:
        """Take over who bought, where it goes and by when, and what they wrote."""
        order, incoming = self.order, self.reading.order
        if self._of(BuyerTold) and incoming.buyer is not None:
            buyer = Buyer(**asdict(incoming.buyer))
            order.customer = identify(channel_code=order.channel.code, buyer=buyer, at=self.at)
            if order.customer is not None:
                kind = OrderEvent.Kind.CUSTOMER_IDENTIFIED
                record_events([event(order, kind, at=self.at, customer=order.customer.pk)])
                self.is_moved = True
        if self._of(AddressChanged):
            order.delivery_address_id = self._address_id()
            self.is_moved = True
        if self._of(DueChanged):
            order.ship_by = incoming.ship_by
            self.is_moved = True
        if self._of(NoteAdded):
            order.buyer_note = told_note(self.reading)
            self.is_moved = True

    def _address_id(self) -> int:
        told = self.reading.order.delivery_address
        assert told is not None, "An address that is not told did not change."  # noqa: S101 - for mypy
        address = PostalAddress(**asdict(told))
        return record_address(customer=self.order.customer, address=address, at=self.at).pk

    def _take_goods(self) -> None:
        """Take over lines, articles, pieces and prices, then promise what is wanted now."""
        order, at = self.order, self.at
        added = [self.incoming[each.line_id] for each in self._of(LineAdded)]
        if added:
            self.lines += add_lines(order, added, at=at)
        for change in self._of(ArticleChanged):
            line = self.line_of[change.line_id]
            change_article(order, self.lines, line, self.incoming[change.line_id], at=at)
        self._take_amounts()
        pieces = {
            self.line_of[each.line_id].pk: each.after for each in self._of(LineQuantityChanged)
        }
        if pieces:
            set_quantities(order, self.lines, pieces, at=at)
        if removed := [self.line_of[each.line_id] for each in self._of(LineRemoved)]:
            remove_lines(order, self.lines, removed, key=self._key(), at=at)
        if added or pieces or self._of(ArticleChanged) or removed:
            promise_again(order, self.lines, at=at)
            self.is_moved = True

    def _take_amounts(self) -> None:
        changes = [*self._of(PriceChanged), *self._of(LineQuantityChanged)]
        priced = [self.line_of[change.line_id] for change in changes]
        for line in priced:
            take_amounts(line, self.told[line.external_line_id].amounts)
        if priced:
            store_amounts(priced)
            self.is_moved = True

    def _end_there(self) -> None:
        """Call the order off when the channel did, or made it part of another one."""
        merged = self._of(MergedInto)
        if merged:
            self.order.merged_into = self._target(merged[0])
            self.is_moved = True
        if (merged or self._of(Cancelled)) and self.progress != Progress.CANCELLED:
            call_off(
                order=self.order,
                lines=self.lines,
                pieces=open_pieces(self.lines),
                cause=OrderCancellation.Cause.CHANNEL,
                reason=f"Merged into {self.order.merged_into}." if merged else CANCELLED_THERE,
                key=self._key(),
                at=self.at,
            )
            self.is_moved = True

    def _key(self) -> str:
        return f"channel {self.reading.digest}"

    def _target(self, happened: MergedInto) -> Order | None:
        orders = Order.objects.filter(channel=self.order.channel, external_id=happened.order_id)
        return orders.exclude(pk=self.order.pk).first()

    def _hold_for_reading(self) -> bool:
        """Hold an open order for what is newly wrong with how it came."""
        if not self.order.is_open:
            return False
        told = [hold for hold in reading_holds(self.reading) if hold.kind in _HOLDS_OF_READING]
        seen = set(self.order.holds.values_list("kind", "reason"))
        fresh = [hold for hold in told if (hold.kind, hold.reason[:300]) not in seen]
        if any(hold.kind == OrderHold.Kind.LINE_REFUSED for hold in fresh):
            fresh = [hold for hold in fresh if not self._is_about_known_lines(hold)]
        return bool(open_holds(order=self.order, holds=fresh, at=self.at))

    def _is_about_known_lines(self, hold: NewHold) -> bool:
        """Tell whether lines were refused that we have: told with no pieces, they are gone."""
        refused = {refusal.line.external_line_id for refusal in self.reading.refused}
        is_refusal = hold.kind == OrderHold.Kind.LINE_REFUSED
        return is_refusal and refused <= self.line_of.keys()

    def _distinct_conflicts(self) -> list[NewConflict]:
        """Return the disagreements, without one on the total that another explains."""
        kinds = ChannelConflict.Kind
        explaining = {kinds.QUANTITY, kinds.LINE_ADDED, kinds.ARTICLE, kinds.PRICE}
        if any(conflict.kind in explaining for conflict in self.conflicts):
            return [each for each in self.conflicts if each.kind != kinds.TOTAL]
        return self.conflicts

    def _conflict(self, happened: Event) -> list[NewConflict]:
        """Return a disagreement about an event, with both versions; none when one says it all."""
        kinds = ChannelConflict.Kind
        stands = {"status": str(self.order.get_lifecycle_display())}
        match happened:
            case LineAdded():
                return self._added(happened)
            case LineQuantityChanged() | LineRemoved() | ArticleChanged() | PriceChanged():
                return [self._of_line(happened)]
            case TotalsChanged():
                ours = {"total": str(self.order.total)}
                theirs = {"money": plain_money(self.money)}
                return [NewConflict(kind=kinds.TOTAL, ours=ours, theirs=theirs)]
            case AddressChanged():
                known, other = self.order.delivery_address_id, self._address_id()
                return [
                    NewConflict(
                        kind=kinds.ADDRESS, ours={"address": known}, theirs={"address": other}
                    )
                ]
            case MergedInto():
                target = {"merged_into": happened.order_id}
                return [NewConflict(kind=kinds.MERGED, ours=stands, theirs=target)]
            case Cancelled():
                kind, told = kinds.CANCELLED, "Cancelled"
            case Reopened():
                kind, told = kinds.REOPENED, "Open"
            case _:
                kind, told = kinds.SHIPPED, "Shipped"
        return [NewConflict(kind=kind, ours=stands, theirs={"status": told})]

    def _added(self, happened: LineAdded) -> list[NewConflict]:
        """Return one disagreement for all lines that were added, with the first of them."""
        if any(each.kind == ChannelConflict.Kind.LINE_ADDED for each in self.conflicts):
            return []
        known = self.line_of.keys()
        added = [line for line_id, line in self.incoming.items() if line_id not in known]
        theirs = {"lines": [plain_line(line) for line in added], "money": plain_money(self.money)}
        ours = {"lines": len(known)}
        kind = ChannelConflict.Kind.LINE_ADDED
        return [NewConflict(kind=kind, ours=ours, theirs=theirs)] if happened else []

    def _of_line(
        self, happened: LineQuantityChanged | LineRemoved | ArticleChanged | PriceChanged
    ) -> NewConflict:
        kinds = ChannelConflict.Kind
        line = self.line_of[happened.line_id]
        theirs: dict[str, Any] = {"money": plain_money(self.money)}
        if (told := self.told.get(happened.line_id)) is not None:
            theirs["amounts"] = plain_amounts(told.amounts)
        if isinstance(happened, ArticleChanged):
            theirs["line"] = plain_line(self.incoming[happened.line_id])
            ours: dict[str, Any] = {"article": happened.before}
            return NewConflict(kind=kinds.ARTICLE, line=line, ours=ours, theirs=theirs)
        if isinstance(happened, PriceChanged):
            ours = {"amounts": plain_amounts(happened.before)}
            return NewConflict(kind=kinds.PRICE, line=line, ours=ours, theirs=theirs)
        theirs["quantity"] = told.quantity if told is not None else 0
        ours = {"quantity": happened.before}
        return NewConflict(kind=kinds.QUANTITY, line=line, ours=ours, theirs=theirs)


def told_note(reading: Reading) -> str:
    """Return what the buyer wrote, as it can be stored."""
    return reading.order.note.replace("\x00", "").strip()


# Money is looked at with the totals, an order without lines is called off.
_HOLDS_OF_READING = frozenset({OrderHold.Kind.LINE_REFUSED, OrderHold.Kind.UNREADABLE})
