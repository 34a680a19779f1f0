import pytest
from django.core.management import call_command
from django.db import InternalError, connection

from inventory.models import StockLevel
from retail.common.integrity import snapshot
from tests.factories.inventory import promise, stock

pytestmark = pytest.mark.django_db(transaction=True)


def test_check_integrity_passes_when_all_agrees(capsys):
    promise(level=stock(units=5))

    call_command("check_integrity")

    assert "agree with their ledgers" in capsys.readouterr().out


def test_check_integrity_names_each_difference_and_repairs_nothing(capsys):
    level = stock(units=5)
    StockLevel.objects.filter(pk=level.pk).update(allocated=2)

    with pytest.raises(SystemExit) as stopped:
        call_command("check_integrity")

    output = capsys.readouterr().out
    assert stopped.value.code == 1
    assert (
        f"units promised: {level.variant.sku} at {level.location.code} should be 0 and is 2"
        in output
    )
    assert StockLevel.objects.get().allocated == 2


def test_snapshot_changes_nothing():
    level = stock(units=5)

    with pytest.raises(InternalError, match="read-only transaction"), snapshot():
        StockLevel.objects.filter(pk=level.pk).update(on_hand=6)

    assert StockLevel.objects.get().on_hand == 5


def test_snapshot_sees_one_moment():
    level = stock(units=5)
    elsewhere = connection.copy()

    with snapshot():
        before = StockLevel.objects.get().on_hand
        with elsewhere.cursor() as cursor:
            cursor.execute("UPDATE inventory_stocklevel SET on_hand = 9 WHERE id = %s", [level.pk])
        after = StockLevel.objects.get().on_hand
    elsewhere.close()

    assert (before, after) == (5, 5)
    assert StockLevel.objects.get().on_hand == 9
