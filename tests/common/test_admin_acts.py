"""Acts: who sees the button, what the page says, and what a refusal leaves behind."""

import re

import pytest
from django import forms
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import path
from unfold.sites import UnfoldAdminSite

from retail.common.admin import (
    Act,
    ActForm,
    BaseAdmin,
    Download,
    LineTable,
    PageAct,
    ViewOnlyAdmin,
)
from retail.common.errors import BusinessError
from retail.common.models import ImportReject, ImportRun, TaskRun
from tests.factories.common import NOON, ImportRunFactory, TaskRunFactory
from tests.people import browser_of, person_who_may, superuser

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class RenameForm(ActForm):
    new_name = forms.CharField(max_length=20)


class TableForm(ActForm):
    note = forms.CharField(required=False)
    first = forms.IntegerField()

    def line_table(self):
        return LineTable(headings=["Line", "Pieces"], rows=[["line 1", self["first"]]])


def rename(_request, run, cleaned, _now):
    if cleaned["new_name"] == "forbidden":
        run.file_name = "half done"
        run.save()
        raise BusinessError("This name is taken by the accountant.")
    run.file_name = cleaned["new_name"]
    run.save()
    return f"Renamed to {run.file_name}."


def clash(_request, run, _cleaned, _now):
    ImportRunFactory(kind=run.kind, profile=run.profile, sha256=run.sha256)
    return "never said"


def break_a_rule_without_words(_request, run, _cleaned, _now):
    ImportRun.objects.filter(pk=run.pk).update(lines_read=-1)
    return "never said"


def note_key(_request, run, cleaned, _now):
    ImportRun.objects.filter(pk=run.pk).update(error=cleaned["key"])
    return "Noted."


def plan_rename(_request, run, cleaned, _now):
    if cleaned["new_name"] == "forbidden":
        raise BusinessError("This name is taken by the accountant.")
    if cleaned["new_name"] == run.file_name:
        return ()
    return [f"{run.file_name} becomes {cleaned['new_name']}."]


def plan_run(_request, cleaned, _now):
    return [f"{cleaned['new_name']} is opened beside {ImportRun.objects.count()} others."]


def open_run(_request, cleaned, _now):
    if cleaned["new_name"] == "forbidden":
        raise BusinessError("This name is taken by the accountant.")
    return "Opened.", ImportRunFactory(file_name=cleaned["new_name"])


class RunAdmin(BaseAdmin):
    acts = (
        Act(
            "rename",
            "Rename",
            "common.change_importrun",
            perform=rename,
            form=RenameForm,
            is_offered=lambda run: run.status == "RUNNING",
            consequences=lambda run: [f"{run.file_name} gets another name."],
        ),
        Act("clash", "Clash", "common.change_importrun", perform=clash, is_dangerous=True),
        Act("worse", "Worse", "common.change_importrun", perform=break_a_rule_without_words),
        Act("note", "Note", "common.change_importrun", perform=note_key),
        Act("note-all", "Note all", "common.change_importrun", perform=note_key, is_repeated=True),
        Act(
            "move",
            "Move",
            "common.change_importrun",
            perform=rename,
            form=RenameForm,
            consequences=lambda run: [f"{run.file_name} gets another name."],
            plan=plan_rename,
        ),
        Act("table", "Table", "common.change_importrun", perform=note_key, form=TableForm),
    )
    page_acts = (
        PageAct("open", "Open a run", "common.add_importrun", perform=open_run, form=RenameForm),
        PageAct(
            "plan-open",
            "Plan a run",
            "common.add_importrun",
            perform=open_run,
            form=RenameForm,
            plan=plan_run,
        ),
    )
    downloads = (
        Download(
            "name",
            "Download name",
            "common.view_importreject",
            open=lambda _request, run: HttpResponse(run.file_name),
            is_offered=lambda run: run.status == "RUNNING",
        ),
    )


class RunsAdmin(ViewOnlyAdmin):
    list_display = ("name", "status")


site = UnfoldAdminSite(name="admin")
site.register(ImportRun, RunAdmin)
site.register(TaskRun, RunsAdmin)
urlpatterns = [path("", site.urls)]


@pytest.fixture(autouse=True)
def _no_navigation(settings):
    """The menu of the shop leads to addresses that this little site does not have."""
    settings.UNFOLD = {}


@pytest.fixture
def run():
    return ImportRunFactory(file_name="march.csv")


@pytest.fixture
def clerk():
    return browser_of(person_who_may("common.view_importrun", "common.change_importrun"))


@pytest.fixture
def reader():
    return browser_of(person_who_may("common.view_importrun"))


def act_url(run, name):
    return f"/common/importrun/{run.pk}/act/{name}/"


def change_url(run):
    return f"/common/importrun/{run.pk}/change/"


def test_act_has_a_button_for_those_who_may(run, clerk, reader):
    for_clerk = clerk.get(change_url(run)).content.decode()
    for_reader = reader.get(change_url(run)).content.decode()

    assert act_url(run, "rename") in for_clerk
    assert act_url(run, "rename") not in for_reader


def test_act_has_no_button_when_it_is_not_offered(clerk):
    finished = ImportRunFactory(status="FAILED", finished_at=NOON)

    page = clerk.get(change_url(finished)).content.decode()

    assert act_url(finished, "rename") not in page
    assert act_url(finished, "clash") in page


def test_act_page_tells_what_will_happen(run, clerk):
    page = clerk.get(act_url(run, "rename")).content.decode()

    assert "Rename: march.csv (practice)" in page
    assert "march.csv gets another name." in page
    assert 'name="new_name"' in page
    assert f'href="{change_url(run)}"' in page


def test_act_performs_on_post_and_is_written_down(run, clerk):
    answer = clerk.post(act_url(run, "rename"), {"new_name": "april.csv", "key": "k"}, follow=True)

    run.refresh_from_db()
    assert run.file_name == "april.csv"
    assert answer.redirect_chain == [(change_url(run), 302)]
    assert "Renamed to april.csv." in answer.content.decode()
    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Rename"]


def test_act_that_is_repeated_comes_back_empty_with_another_key(run, clerk):
    answer = clerk.post(act_url(run, "note-all"), {"key": "k"}, follow=True)

    run.refresh_from_db()
    assert run.error == "k"
    assert answer.redirect_chain == [(act_url(run, "note-all"), 302)]
    assert "Noted." in answer.content.decode()
    assert 'name="key" value="k"' not in answer.content.decode()


def test_act_does_nothing_on_get(run, clerk):
    clerk.get(act_url(run, "note"))

    run.refresh_from_db()
    assert run.error == ""


def test_act_is_forbidden_without_its_permission(run, reader):
    shown = reader.get(act_url(run, "rename"))
    sent = reader.post(act_url(run, "rename"), {"new_name": "april.csv", "key": "k"})

    run.refresh_from_db()
    assert (shown.status_code, sent.status_code) == (403, 403)
    assert run.file_name == "march.csv"


def test_act_is_forbidden_to_those_who_may_not_see_the_document(run):
    blind = browser_of(person_who_may("common.add_importrun"))

    answer = blind.post(act_url(run, "rename"), {"new_name": "april.csv", "key": "k"})

    assert answer.status_code == 403


def test_act_that_is_not_offered_says_so_and_does_nothing(clerk):
    finished = ImportRunFactory(file_name="march.csv", status="FAILED", finished_at=NOON)

    answer = clerk.post(
        act_url(finished, "rename"), {"new_name": "april.csv", "key": "k"}, follow=True
    )

    finished.refresh_from_db()
    assert finished.file_name == "march.csv"
    assert "Rename is not possible for march.csv (practice)" in answer.content.decode()


def test_act_refused_tells_why_and_leaves_nothing_behind(run, clerk):
    answer = clerk.post(act_url(run, "rename"), {"new_name": "forbidden", "key": "same-key"})

    page = answer.content.decode()
    run.refresh_from_db()
    assert run.file_name == "march.csv"
    assert "This name is taken by the accountant." in page
    assert 'value="forbidden"' in page
    assert 'value="same-key"' in page
    assert LogEntry.objects.count() == 0


def test_act_refused_by_a_constraint_speaks_its_words(run, clerk):
    answer = clerk.post(act_url(run, "clash"), {"key": "k"})

    assert "This file was already imported." in answer.content.decode()
    assert ImportRun.objects.count() == 1


def test_act_that_breaks_a_rule_without_words_is_an_error(run, clerk):
    with pytest.raises(IntegrityError, match="lines_not_negative"):
        clerk.post(act_url(run, "worse"), {"key": "k"})


SEAL = re.compile(r'name="confirmed" value="(\w{64})"')


def seal_on(answer):
    return SEAL.search(answer.content.decode())[1]


def test_act_with_a_plan_shows_it_before_it_is_done(run, clerk):
    form = {"new_name": "april.csv", "key": "k"}

    shown = clerk.post(act_url(run, "move"), form)
    run.refresh_from_db()
    before = run.file_name
    clerk.post(act_url(run, "move"), form | {"confirmed": seal_on(shown)})

    run.refresh_from_db()
    page = shown.content.decode()
    assert "march.csv becomes april.csv." in page
    assert "march.csv gets another name." not in page
    assert 'value="april.csv"' in page
    assert "Confirm: Move" in page
    assert (before, run.file_name) == ("march.csv", "april.csv")


def test_act_with_a_plan_asks_for_what_it_needs_first(run, clerk):
    page = clerk.get(act_url(run, "move")).content.decode()

    assert "march.csv gets another name." in page
    assert "Show what will happen" in page
    assert SEAL.search(page) is None


def test_a_plan_that_came_out_differently_is_shown_again(run, clerk):
    form = {"new_name": "april.csv", "key": "k"}
    shown = clerk.post(act_url(run, "move"), form)
    ImportRun.objects.filter(pk=run.pk).update(file_name="june.csv")

    again = clerk.post(act_url(run, "move"), form | {"confirmed": seal_on(shown)})

    run.refresh_from_db()
    assert run.file_name == "june.csv"
    assert "june.csv becomes april.csv." in again.content.decode()
    assert "This is no longer what you were shown." in again.content.decode()


def test_a_plan_that_is_refused_tells_why(run, clerk):
    answer = clerk.post(act_url(run, "move"), {"new_name": "forbidden", "key": "k"})

    run.refresh_from_db()
    assert run.file_name == "march.csv"
    assert "This name is taken by the accountant." in answer.content.decode()
    assert SEAL.search(answer.content.decode()) is None


def test_an_act_whose_plan_is_empty_needs_no_confirmation(run, clerk):
    answer = clerk.post(act_url(run, "move"), {"new_name": "march.csv", "key": "k"}, follow=True)

    assert "Renamed to march.csv." in answer.content.decode()


def test_page_act_with_a_plan_shows_it_before_it_is_done():
    opener = browser_of(person_who_may("common.view_importrun", "common.add_importrun"))
    form = {"new_name": "may.csv", "key": "k"}

    shown = opener.post("/common/importrun/act/plan-open/", form)
    before = ImportRun.objects.count()
    opener.post("/common/importrun/act/plan-open/", form | {"confirmed": seal_on(shown)})

    assert "may.csv is opened beside 0 others." in shown.content.decode()
    assert (before, ImportRun.objects.count()) == (0, 1)


def test_act_with_wrong_input_shows_the_form_again(run, clerk):
    answer = clerk.post(act_url(run, "rename"), {"new_name": "x" * 21, "key": "k"})

    assert answer.status_code == 200
    assert "at most 20 characters" in answer.content.decode()


def test_act_form_has_a_key_of_its_own_each_time(run, clerk):
    key = re.compile(r'name="key" value="(\w{32})"')

    first = key.search(clerk.get(act_url(run, "note")).content.decode())[1]
    second = key.search(clerk.get(act_url(run, "note")).content.decode())[1]
    clerk.post(act_url(run, "note"), {"key": first})

    run.refresh_from_db()
    assert first != second
    assert run.error == first


def test_act_form_can_lay_out_lines_as_a_table(run, clerk):
    page = clerk.get(act_url(run, "table")).content.decode()

    table = page[page.index('<table class="act-table">') : page.index("</table>")]
    assert "<th>Pieces</th>" in table
    assert 'name="first"' in table
    assert 'name="note"' not in table
    assert 'name="note"' in page


@pytest.mark.parametrize("address", ["1/act/unknown/", "999/act/note/", "act/unknown/"])
def test_act_that_does_not_exist_is_not_found(clerk, address):
    assert clerk.get(f"/common/importrun/{address}").status_code == 404


def test_page_act_makes_a_document_and_shows_it():
    opener = browser_of(person_who_may("common.view_importrun", "common.add_importrun"))

    listed = opener.get("/common/importrun/").content.decode()
    answer = opener.post("/common/importrun/act/open/", {"new_name": "may.csv", "key": "k"})

    made = ImportRun.objects.get()
    assert "/common/importrun/act/open/" in listed
    assert (made.file_name, answer.url) == ("may.csv", change_url(made))


def test_page_act_refused_tells_why():
    opener = browser_of(person_who_may("common.view_importrun", "common.add_importrun"))

    answer = opener.post("/common/importrun/act/open/", {"new_name": "forbidden", "key": "k"})

    assert "This name is taken by the accountant." in answer.content.decode()
    assert ImportRun.objects.count() == 0


def test_page_act_is_forbidden_without_its_permission(reader):
    listed = reader.get("/common/importrun/").content.decode()
    answer = reader.post("/common/importrun/act/open/", {"new_name": "may.csv", "key": "k"})

    assert "/common/importrun/act/open/" not in listed
    assert answer.status_code == 403
    assert ImportRun.objects.count() == 0


def test_download_opens_for_those_who_may(run, reader):
    auditor = browser_of(person_who_may("common.view_importrun", "common.view_importreject"))
    url = f"/common/importrun/{run.pk}/download/name/"

    assert auditor.get(url).content == b"march.csv"
    assert url in auditor.get(change_url(run)).content.decode()
    assert reader.get(url).status_code == 403


def test_download_that_is_not_offered_is_not_found():
    finished = ImportRunFactory(status="FAILED", finished_at=NOON)
    auditor = browser_of(person_who_may("common.view_importrun", "common.view_importreject"))

    assert auditor.get(f"/common/importrun/{finished.pk}/download/name/").status_code == 404


def test_nobody_deletes_what_is_not_declared_deletable(run):
    answer = browser_of(superuser()).post(f"/common/importrun/{run.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 403
    assert ImportRun.objects.get() == run


def test_view_only_admin_opens_with_view_permission_and_changes_nothing():
    task_run = TaskRunFactory()
    auditor = browser_of(person_who_may("common.view_taskrun"))
    owner = browser_of(superuser())

    assert auditor.get("/common/taskrun/").status_code == 200
    assert auditor.get(f"/common/taskrun/{task_run.pk}/change/").status_code == 200
    assert owner.get("/common/taskrun/add/").status_code == 403
    assert owner.post(f"/common/taskrun/{task_run.pk}/change/", {"name": "x"}).status_code == 403
    assert owner.post(f"/common/taskrun/{task_run.pk}/delete/", {"post": "yes"}).status_code == 403
    task_run.refresh_from_db()
    assert task_run.name == "orders.pull_orders"


def test_act_page_costs_the_same_whatever_there_is(run, clerk):
    clerk.get(act_url(run, "rename"))

    with CaptureQueriesContext(connection) as with_one:
        clerk.get(act_url(run, "rename"))
    ImportRunFactory.create_batch(3)
    ImportReject.objects.create(run=run, line_number=2, code="x", text="x")
    with CaptureQueriesContext(connection) as with_more:
        clerk.get(act_url(run, "rename"))

    assert len(with_one) == len(with_more)
