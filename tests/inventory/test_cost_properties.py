"""Whatever happens to goods and their cost, in any order: what holds of the moving average."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import CostMovement, CostPool, StockMovement
from inventory.operations import (
    LateCost,
    Received,
    adjust_stock,
    correct_costs,
    issue_stock,
    receive_stock,
    return_stock,
    take_back_costs,
)
from inventory.operations.costing import RunningCost, correction_parts, left_of
from inventory.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory

CURRENCY = "GBP"
CENT = Decimal("0.01")

amounts = st.decimals(-5_000, 5_000, places=2).filter(bool)
# What is done, with how many units, and at which value: the position says of what is done before.
received = st.tuples(
    st.just("receive"), st.integers(1, 50), st.decimals(0, 5_000, places=4, allow_nan=False)
)
issued = st.tuples(st.just("issue"), st.integers(1, 50), st.none())
sent_back = st.tuples(st.just("return"), st.integers(1, 50), st.none())
late = st.tuples(st.just("late"), st.integers(0, 50), amounts)
taken_back = st.tuples(st.just("take back"), st.integers(0, 50), st.none())
goods = st.lists(st.one_of(received, issued, sent_back), max_size=40)
steps = st.lists(st.one_of(received, issued, sent_back, late, taken_back), max_size=40)


@dataclass
class Entry:
    """A movement of the books below, and the pool's units just before and after it."""

    kind: str
    before: int
    after: int
    value: Decimal
    expensed: Decimal = Decimal(0)


@dataclass
class Books:
    """The ledger in memory: late costs are worked out as the operations work them out."""

    cost: RunningCost = field(default_factory=lambda: RunningCost(0, Decimal(0), CURRENCY))
    entries: list[Entry] = field(default_factory=list)

    def do(self, kind, units, value):
        before = self.cost.units
        if kind == "receive":
            self.note(kind, before, self.cost.receive(units, value))
        elif kind == "return":
            self.note(kind, before, self.cost.take_back(units))
        elif kind == "issue" and units <= before:
            self.note(kind, before, -self.cost.issue(units))
        elif kind == "late" and (receipts := self.all_of("receive")):
            since = receipts[units % len(receipts)]
            self.correct(kind, value, since=since, origin=value)
        elif kind == "take back" and (corrections := self.all_of("late")):
            since = corrections[units % len(corrections)]
            entry = self.entries[since]
            entry.kind = "late, taken back"
            amount = -(entry.value + entry.expensed)
            self.correct("taking back", amount, since=since, origin=-entry.value)

    def note(self, kind, before, value, expensed=Decimal(0)):
        self.entries.append(Entry(kind, before, self.cost.units, value, expensed))

    def all_of(self, kind):
        return [index for index, entry in enumerate(self.entries) if entry.kind == kind]

    def correct(self, kind, amount, *, since, origin):
        later = self.entries[since + 1 :]
        left = left_of(
            origin,
            units_then=self.entries[since].after,
            units_now=self.cost.units,
            received=[
                (one.before, one.after - one.before) for one in later if one.kind == "receive"
            ],
            currency=CURRENCY,
        )
        to_stock, expensed = correction_parts(amount=amount, left=left, stock_value=self.cost.value)
        self.cost.value += to_stock
        self.note(kind, self.cost.units, to_stock, expensed)


@settings(max_examples=500, deadline=None)
@given(steps)
def test_value_in_less_value_out_is_the_value_left(steps):
    books, late_costs = Books(), Decimal(0)

    for kind, units, value in steps:
        count = len(books.entries)
        books.do(kind, units, value)
        if kind == "late" and len(books.entries) > count:
            late_costs += value

        value_in = sum(entry.value for entry in books.entries if entry.value > 0)
        value_out = sum(-entry.value for entry in books.entries if entry.value < 0)
        assert value_in - value_out == books.cost.value == round(books.cost.value, 2)
        assert books.cost.value >= 0
        assert books.cost.units or books.cost.value == 0

    parts = [(one.value + one.expensed) for one in books.entries if one.kind.startswith("late")]
    assert sum(parts) == late_costs


@settings(max_examples=500, deadline=None)
@given(steps)
def test_late_costs_taken_back_leave_cost_of_sales_and_stock_as_without_them(steps):
    """What was posted for late costs adds up to nothing once every one of them is taken back."""
    books = Books()
    for kind, units, value in steps:
        books.do(kind, units, value)

    while books.all_of("late"):
        books.do("take back", 0, None)

    posted = [one for one in books.entries if one.kind in {"late, taken back", "taking back"}]
    assert sum(one.value + one.expensed for one in posted) == 0


def exact_value_of(goods, extra=()):
    """
    Return the value that is left with fractions of cents, where no rounding disturbs.

    extra: position -> what the receipt there cost on top, known on day one.
    """
    extra = dict(extra)
    units, value, rate = 0, Fraction(0), Fraction(0)
    for position, (kind, count, cost) in enumerate(goods):
        if kind == "issue" and count > units:
            continue
        if kind == "receive":
            units, value = units + count, value + Fraction(cost) + extra.get(position, 0)
        else:
            signed = -count if kind == "issue" else count
            units, value = units + signed, value + signed * rate
        rate = value / units if units else rate
    return value


@settings(max_examples=500, deadline=None)
@given(goods, received, goods, amounts)
def test_late_cost_is_left_in_stock_as_if_it_had_been_known_on_day_one(earlier, it, later, amount):
    books = Books()
    for step in earlier:
        books.do(*step)
    books.do(*it)
    receipt = len(books.entries) - 1
    for step in later:
        books.do(*step)
    movements = [*earlier, it, *later]
    known = exact_value_of(movements, [(len(earlier), Fraction(amount))])

    left = left_of(
        amount,
        units_then=books.entries[receipt].after,
        units_now=books.cost.units,
        received=[
            (one.before, one.after - one.before)
            for one in books.entries[receipt + 1 :]
            if one.kind == "receive"
        ],
        currency=CURRENCY,
    )

    assert abs(Fraction(left) - (known - exact_value_of(movements))) <= Fraction(1, 200)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.one_of(received, issued, sent_back, late, taken_back), min_size=3, max_size=14),
    st.sampled_from(["CORRECTION", "LANDED"]),
)
def test_stored_pool_is_what_its_movements_say(steps, kind_of_late_cost):
    """The same in the database: every step by its operation, each called a second time."""
    variant, location = VariantFactory(), LocationFactory()
    books = StoredBooks(variant=variant, location=location, kind=kind_of_late_cost)

    for number, (kind, units, value) in enumerate(steps):
        books.do(kind, units, value, number=number)
        before = books.stored()
        books.do_again()
        assert books.stored() == before

    movements = list(CostMovement.objects.filter(pool__variant=variant).order_by("pk"))
    units, value = 0, Decimal(0)
    for movement in movements:
        assert movement.units_before == units
        units, value = units + movement.units, value + movement.value
        assert units >= 0
        assert value >= 0
        assert units or value == 0
    assert [(units, value)] == (books.pools() or [(0, 0)])
    late_costs = [one for one in movements if one.kind == kind_of_late_cost]
    assert sum(one.value + one.expensed for one in late_costs) == books.late_in_all()
    assert differences() == []


class StoredBooks:
    """One article in one place; every step is one operation under a reference of its own."""

    def __init__(self, *, variant, location, kind):
        self.variant, self.location, self.kind = variant, location, kind
        self.receipts, self.late = [], {}
        self.do_again = lambda: None

    def do(self, kind, units, value, *, number):
        act = {
            "receive": self.receive,
            "issue": self.issue,
            "return": self.take_in,
            "late": self.correct,
            "take back": self.take_back,
        }[kind]
        self.do_again = act(units, value, number) or (lambda: None)
        self.do_again()

    def receive(self, units, value, number):
        self.receipts.append(f"GR-{number}")
        goods = {self.variant.pk: Received(units=units, value=value)}
        return lambda: receive_stock(
            location=self.location, received=goods, reference=f"GR-{number}", at=NOON
        )

    def issue(self, units, _value, number):
        if units > sum(count for count, _ in self.pools()):
            return None
        return lambda: issue_stock(
            location=self.location,
            units={self.variant.pk: units},
            kind=StockMovement.Kind.SALE,
            reference=f"S-{number}",
            at=NOON,
        )

    def take_in(self, units, _value, number):
        """Take units in at the average: sent back by a customer, or found."""
        if number % 2:
            return lambda: adjust_stock(
                location=self.location,
                quantities={self.variant.pk: units},
                reference=f"A-{number}",
                reason="Found",
                at=NOON,
            )
        return lambda: return_stock(
            location=self.location,
            units={self.variant.pk: units},
            reference=f"RT-{number}",
            at=NOON,
        )

    def correct(self, units, value, number):
        if not self.receipts:
            return None
        reference = f"SI-{number}"
        self.late[reference] = value
        cost = LateCost(
            variant_id=self.variant.pk,
            receipt_reference=self.receipts[units % len(self.receipts)],
            amount=value,
            reference=reference,
        )
        return lambda: correct_costs(costs=[cost], at=NOON, kind=self.kind)

    def take_back(self, units, _value, _number):
        mine = sorted(self.late)
        if not mine:
            return None
        reference = mine[units % len(mine)]
        self.late[reference] = Decimal(0)
        return lambda: take_back_costs(
            references={reference: f"{reference}/back"}, at=NOON, kind=self.kind
        )

    def late_in_all(self):
        return sum(self.late.values())

    def pools(self):
        return list(CostPool.objects.filter(variant=self.variant).values_list("units", "value"))

    def stored(self):
        rows = CostMovement.objects.filter(pool__variant=self.variant)
        return self.pools(), Counter(rows.values_list("kind", "reference", "value", "expensed"))
