"""The pages of orders in small: each shows what the SQL beside it reads."""

import pytest
from django.db import connection

from bench import orders
from bench.order_rows import make_orders
from inventory.queries import differences

pytestmark = pytest.mark.django_db


def rows_by_hand(page, given):
    with connection.cursor() as cursor:
        cursor.execute(page.by_hand[0], given)
        return [row[0] for row in cursor.fetchall()]


def test_pages_of_orders_show_what_the_sql_reads_in_less_than_fifteen_queries():
    make_orders(orders=1_200)
    given, browser = orders.what_is_looked_for(), orders.browser()

    *lists, page = orders.pages(given)
    shown, read = {}, {}
    for each in lists:
        answer = browser.get(each.url)
        assert answer.status_code == 200, each.name
        shown[each.name] = [order.pk for order in answer.context["cl"].result_list]
        read[each.name] = rows_by_hand(each, given)

    assert shown == read
    assert browser.get(page.url).context["original"].pk == given["order"]
    assert rows_by_hand(page, given) == [given["order"]]
    assert differences() == []

    measures = orders.measured(browser, given, turns=1)

    assert [measure.name for measure in measures] == [each.name for each in [*lists, page]]
    of_lists = {each.name: int(each.note.split()[0]) for each in measures[:-1]}
    assert {name: queries for name, queries in of_lists.items() if queries >= 15} == {}
