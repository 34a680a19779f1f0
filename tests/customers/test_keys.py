import pytest

from customers.keys import account_key, email_key, phone_key


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("  ada@example.com\t", "ada@example.com"),
        ("ada@example.com.", "ada@example.com"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("ada@strasse.de", "ada@strasse.de"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("a.d.a+shop@example.com", "a.d.a+shop@example.com"),
        ("ada\0@example.com", "ada@example.com"),
    ],
)
def test_email_is_compared_in_one_form(written, compared):
    assert email_key("web", written).normalised == compared


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "ada@@example.com",
        "ada@exa mple.com",
        "a da@example.com",
        "ada@" + "a" * 250 + ".com",
        "ada@\ud7ff.example",
    ],
)
def test_text_that_is_no_email_is_no_key(written):
    assert email_key("web", written) is None


@pytest.mark.parametrize(
    "written",
    [
        "x1y2@marketplace.amazon.de",
        "X1Y2@Marketplace.Amazon.co.uk",
        "abc+1@allegromail.pl",
        "abc@members.ebay.com",
    ],
)
def test_email_made_up_by_a_marketplace_holds_on_that_channel_only(written):
    key = email_key("marketplace", written)

    assert (key.channel_code, key.is_linking) == ("marketplace", True)


@pytest.mark.parametrize("written", ["x@amazon.de", "x@notmarketplace.amazon.de.example.com"])
def test_email_that_only_looks_like_a_relay_holds_everywhere(written):
    assert email_key("marketplace", written).channel_code == ""


@pytest.mark.parametrize("mailbox", ["info", "Office", "biuro", "no-reply", "info+shop"])
def test_shared_mailbox_does_not_link(mailbox):
    assert not email_key("web", f"{mailbox}@example.com").is_linking


def test_account_keeps_its_case_and_its_channel():
    key = account_key("web", " Ada99 ")

    assert (key.normalised, key.channel_code, key.is_linking) == ("Ada99", "web", True)


@pytest.mark.parametrize(("channel_code", "account"), [("web", " "), ("", "7"), ("web", "x" * 255)])
def test_account_that_cannot_be_known_again_is_no_key(channel_code, account):
    assert account_key(channel_code, account) is None


@pytest.mark.parametrize(
    ("dialled", "compared"),
    [
        ("+44 (0)20 7946-0018", "+4402079460018"),
        ("0044 20 7946 0018", "+442079460018"),
        ("020 7946 0018", "02079460018"),
    ],
)
def test_phone_keeps_its_digits_and_never_links(dialled, compared):
    key = phone_key(dialled)

    assert (key.normalised, key.is_linking) == (compared, False)


def test_phone_without_digits_is_no_key():
    assert phone_key("n/a") is None
