import pytest

from purchasing.tax_numbers import is_same_tax_number


@pytest.mark.parametrize(
    ("number", "country", "other", "other_country"),
    [
        ("GB980780684", "GB", "980780684", "GB"),
        ("GB 980 7806 84", "", "980780684", ""),
        ("DE123456789", "DE", "123 456 789", "DE"),
        ("EL094259216", "GR", "094259216", "GR"),
        ("BE428759497", "BE", "0428.759.497", "BE"),
        ("5260250274", "PL", "PL5260250274", ""),
        ("ESB58378431", "ES", "B58378431", "ES"),
        ("CHE-107.787.577", "CH", "CHE107787577", "CH"),
    ],
)
def test_the_same_number_is_told_however_it_is_written(number, country, other, other_country):
    assert is_same_tax_number(number, other, country=country, other_country=other_country)


@pytest.mark.parametrize(
    ("number", "country", "other", "other_country"),
    [
        ("DE123456789", "DE", "123456789", "AT"),
        ("DE123456789", "", "PL123456789", ""),
        ("123456789", "DE", "123456780", "DE"),
        ("", "DE", "", "DE"),
    ],
)
def test_numbers_of_two_countries_or_digits_are_two(number, country, other, other_country):
    assert not is_same_tax_number(number, other, country=country, other_country=other_country)
