"""Stock is written by its operations only: nothing else in the product touches these tables."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "inventory" / "operations"
APPS = ("retail", "catalog", "channels", "customers", "inventory", "orders", "purchasing")
MODELS = {"StockLevel", "StockMovement", "Allocation", "CostPool", "CostMovement"}
RELATED = {"stock_levels", "movements", "allocations", "cost_pool"}
WRITERS = {
    "create",
    "bulk_create",
    "get_or_create",
    "update_or_create",
    "update",
    "bulk_update",
    "delete",
}
WRITING_SQL = re.compile(
    r"\b(INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|COPY)\s+inventory_"
    r"(stocklevel|stockmovement|allocation|costpool|costmovement)\b"
)


def names_of(chain: ast.expr) -> Iterator[str]:
    """Yield the names before a method; of `Model.objects.filter(...)`: filter, objects, Model."""
    while not isinstance(chain, ast.Name):
        if isinstance(chain, ast.Attribute):
            yield chain.attr
            chain = chain.value
        elif isinstance(chain, ast.Call):
            chain = chain.func
        elif isinstance(chain, ast.Subscript):
            chain = chain.value
        else:
            return
    yield chain.id


def is_write(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return bool(WRITING_SQL.search(node.value))
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in WRITERS
        and bool({*names_of(node.func.value)} & (MODELS | RELATED))
    )


def writes_in(text: str) -> list[int]:
    """Return the lines that write stock."""
    return sorted({node.lineno for node in ast.walk(ast.parse(text)) if is_write(node)})


def product_files() -> list[Path]:
    found = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


@pytest.mark.parametrize(
    "statement",
    [
        "StockLevel.objects.filter(pk=1).update(on_hand=2)",
        "Allocation.objects.open().for_update().delete()",
        "variant.stock_levels.create(location=shop)",
        "levels[0].movements.all().delete()",
        "cursor.execute('UPDATE inventory_costpool SET value = 1')",
        "cursor.execute(f'INSERT INTO inventory_allocation ({columns})')",
    ],
)
def test_writing_of_stock_is_noticed(statement):
    assert writes_in(f"\n{statement}") == [2]


@pytest.mark.parametrize(
    "statement",
    ["StockLevel.objects.filter(pk=1)", "Order.objects.update(note='')", "seen.update({})"],
)
def test_reading_of_stock_and_writing_of_others_is_none(statement):
    assert writes_in(statement) == []


def test_stock_is_written_by_its_operations_only():
    writers = {path for path in product_files() if writes_in(path.read_text())}

    assert {path for path in writers if OPERATIONS not in path.parents} == set()
    assert {"promises.py", "levels.py", "cost.py"} <= {path.name for path in writers}
