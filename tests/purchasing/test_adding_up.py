"""Whether a document adds up by itself: arithmetic alone."""

from decimal import Decimal

import pytest

from purchasing.adding_up import StatedTax, Taxed, Totals, sum_findings


def taxed(net, rate="20", category="S"):
    return Taxed(net=Decimal(net), category=category, rate=Decimal(rate))


def stated(taxable, tax, rate="20", category="S"):
    return StatedTax(category, Decimal(rate), Decimal(taxable), Decimal(tax))


def totals(net, tax, total, **more):
    return Totals(
        Decimal(net),
        Decimal(tax),
        Decimal(total),
        **{name: Decimal(value) for name, value in more.items()},
    )


def found(lines, taxes, said, *, currency="GBP", slack=None):
    findings = sum_findings(lines, taxes, said, currency=currency, tax_slack=slack)
    return [(one.kind, one.subject, str(one.expected), str(one.actual)) for one in findings]


THREE_LINES = [taxed("10")] * 3


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (totals("30.00", "6.00", "36.00"), []),
        (totals("30.03", "6.03", "36.06"), []),
        (totals("30.04", "6.00", "36.04"), [("HEADER", "Net total", "30.0000", "30.0400")]),
        (totals("30.00", "6.00", "36.01"), []),
        (totals("30.00", "6.00", "36.02"), [("HEADER", "Total", "36.0000", "36.0200")]),
        (totals("30.00", "6.04", "36.04"), [("HEADER", "Tax", "6.0000", "6.0400")]),
    ],
)
def test_sums_may_be_off_by_the_smallest_coin_a_line(said, expected):
    assert found(THREE_LINES, [], said) == expected


def test_document_without_tax_rates_may_state_any_tax():
    assert not found([taxed("10", rate="0")], [], totals("10", "1.90", "11.90"))


def test_what_takes_away_and_charges_count_with_their_sign():
    lines = [taxed("100"), taxed("-20"), taxed("5", rate="0", category="Z")]

    assert not found(
        lines,
        [stated("80", "16"), stated("5", "0", rate="0", category="Z")],
        totals("85", "16", "101"),
    )


def test_prepaid_and_rounding_lead_to_what_is_to_be_paid():
    lines = [taxed("10")]
    fits = totals("10", "2", "12", prepaid="5", rounding="0.05", payable="7.05")
    off = totals("10", "2", "12", prepaid="5", payable="12")

    assert not found(lines, [stated("10", "2")], fits)
    assert found(lines, [stated("10", "2")], off) == [("HEADER", "To pay", "7.0000", "12.0000")]


@pytest.mark.parametrize(
    ("tax", "slack", "is_off"),
    [
        ("6.03", None, False),
        ("6.04", None, True),
        ("5.96", None, True),
        ("6.50", "0.50", False),
        ("6.51", "0.50", True),
        ("6.01", "0.00", True),
    ],
)
def test_tax_of_a_rate_may_be_off_by_the_policy_or_a_coin_a_line(tax, slack, is_off):
    total = Decimal(30) + Decimal(tax)

    rows = found(
        THREE_LINES,
        [stated("30", tax)],
        totals("30", tax, total),
        slack=None if slack is None else Decimal(slack),
    )

    wrong = [("TAX", "S 20 %", "6.0000", f"{Decimal(tax):.4f}")]
    assert rows == (wrong if is_off else [])


def test_tax_of_each_rate_is_looked_at_by_itself():
    lines = [taxed("100"), taxed("100", rate="5", category="AA")]
    taxes = [stated("100", "5"), stated("100", "20", rate="5", category="AA")]

    assert found(lines, taxes, totals("200", "25", "225")) == [
        ("TAX", "AA 5 %", "5.0000", "20.0000"),
        ("TAX", "S 20 %", "20.0000", "5.0000"),
    ]


def test_rate_that_no_tax_was_stated_for_is_missed():
    lines = [taxed("100"), taxed("100", rate="5")]

    assert found(lines, [stated("100", "20")], totals("200", "20", "220")) == [
        ("TAX", "S 5 %", "5.0000", "0.0000")
    ]


def test_stated_base_is_taken_where_lines_say_no_rate():
    lines = [taxed("100", rate="0", category="")]

    assert not found(lines, [stated("100", "20")], totals("100", "20", "120"))
    assert found(lines, [stated("100", "30")], totals("100", "30", "130")) == [
        ("TAX", "20 %", "20.0000", "30.0000")
    ]


def test_rate_that_the_foot_leaves_out_is_that_of_its_lines():
    lines = [taxed("100", rate="17.5", category="A")]

    assert not found(
        lines, [stated("100", "17.50", rate="0", category="A")], totals("100", "17.50", "117.50")
    )


def test_category_that_only_one_side_says_does_not_part_them():
    assert not found([taxed("100", category="")], [stated("100", "20")], totals("100", "20", "120"))


def test_taxes_that_do_not_add_up_to_the_tax_are_told():
    assert found([taxed("100")], [stated("100", "20")], totals("100", "25", "125")) == [
        ("HEADER", "Tax", "20.0000", "25.0000")
    ]


def test_yen_are_counted_without_decimals():
    lines = [taxed("105", rate="10")]

    assert not found(
        lines, [stated("105", "11", rate="10")], totals("105", "11", "116"), currency="JPY"
    )
    assert found(
        lines, [stated("105", "13", rate="10")], totals("105", "13", "118"), currency="JPY"
    )


def test_what_is_at_stake_is_what_is_asked_beyond():
    [dear] = sum_findings(
        [taxed("10")], [], totals("10", "2", "15"), currency="GBP", tax_slack=None
    )
    [cheap] = sum_findings(
        [taxed("10")], [], totals("10", "2", "9"), currency="GBP", tax_slack=None
    )

    assert (dear.at_stake, cheap.at_stake) == (3, 0)
