"""All pages: they render, load nothing from elsewhere, name no person in an address, and say what waits and why."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from edge.app import create_app
from edge.domain.code_words import words
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import EdgeCode, Finding, RefusedError, refuse
from edge.web.frame import form_words
from edge.web.frame.access import allow_anybody
from edge.web.frame.charts import hours
from edge.web.frame.formats import given_name_first
from edge.web.frame.sentences import identity_sentence, reason_words
from edge.workflow.record_dose import Submission
from sync_protocol.dose import IdentityState
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.stick_errors import StickCode, StickError
from sync_protocol.verdict import Verdict, VerdictState
from tests.browser.signing_desk import sign
from tests.browser.visitor import ADDRESS, Visitor, make_node, visit, words_in
from tests.edge.clinic import NOW, facts, make_clinic, villager
from tests.edge.station import Station, make_station
from tests.simulator import Fault

PAGES = (
    *("/vials", "/vials?day=2022-04-14", "/observation", "/observation?visit=1"),
    *("/", "/?day=all", "/?day=2022-04-14", "/doses/new", "/sign", "/sync", "/nowhere"),
    *("/work-lists", "/work-lists?list=identity-missing&unit=05413&from=2022-04-01&product=AZ", "/work-lists/import"),
    *("/reception", "/reception/new", "/reception/roster", "/reception/roster?day=2022-04-16&shown=expected"),
    *("/reports", "/reports?from=2022-04-01&to=2022-04-15", "/exports", "/day-close", "/day-close?day=2022-04-14"),
    *("/devices", "/epoch", "/token", "/handover", "/hub", "/stick"),
    "/evidence",
    *("/users", "/users/1", "/audit", "/audit?act=dose-recorded&day=2022-04-15"),
    *("/settings", "/clock", "/password", "/help/start"),
    *("/passports", "/passports?day=2022-04-14", "/passports/print", "/passports/print?day=2022-04-14&from=20&form=a6"),
)
TEMPLATES = Path(__file__).parents[2] / "edge" / "web" / "templates"
NATIVE = re.compile(r"type=.?(date|time|datetime-local|month|week)\b")
# These are about somebody, so there has to be somebody.
WORK = (
    ("/people/10", True),
    ("/reception?person=10", True),
    ("/people/10?list=identity-mismatch&unit=05413", True),
    ("/doses/10/correct", True),
    ("/doses/10/correct?person=3", True),
    ("/doses/10/slip", True),
    ("/people/10/passport", True),
    ("/people/10/passport?form=a6", True),
    ("/doses/new?person=10", True),
)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def visitor(tmp_path: Path, station: Station) -> Visitor:
    return visit(make_node(tmp_path, station.database, station.clock), station.centre)


def evening(station: Station, visitor: Visitor) -> None:
    """A day with something of everything: admitted, held back, refused, on its way, unsigned for several reasons."""
    station.record(9)
    station.record(2, state=IdentityState.MISMATCH)
    station.record(1, state=IdentityState.WAITING)
    verdicts = {
        2: Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE),
        3: Verdict(VerdictState.REFUSED, Code.LOT_EXPIRED),
    }
    station.centre.judge = lambda dose: verdicts.get(dose.sequence, Verdict(VerdictState.ADMITTED, None))
    whole = station.plan()[0]
    station.sign(replace(whole, doses=whole.doses[:5], people=5))
    visitor.get("/sync")
    visitor.post("/sync/now")
    whole = station.plan()[0]
    station.sign(replace(whole, doses=whole.doses[:2], people=2))


@pytest.mark.parametrize(("page", "filled"), [*((page, filled) for page in PAGES for filled in (False, True)), *WORK])
def test_every_page_renders_and_loads_nothing_from_elsewhere(
    visitor: Visitor, station: Station, page: str, filled: bool
) -> None:
    if filled:
        evening(station, visitor)
    text = visitor.get(page, status=404 if page == "/nowhere" else 200)
    assert "Trạm Y tế xã Hòa Hiệp" in text
    assert not re.search(r'\sstyle="|\son[a-z]+="|<style|<script(?! src="/static/)|javascript:', text)
    assert not re.search(r'(?:href|src|action)="(?:https?:)?//', text)
    assert text.count("autofocus") <= 1
    assert not re.search(r"\{\{|\{%|None|Undefined", text)


def test_every_get_route_is_among_the_pages_that_are_tried(tmp_path: Path, station: Station) -> None:
    app = create_app(make_node(tmp_path, station.database))
    routes = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    person, correction = "/people/<int(max=999999999):person_id>", "/doses/<int(max=999999999):sequence>/correct"
    assert routes == {
        *("/", "/doses/new", "/sign", "/sync", "/sync/progress", "/waiting/<reason>", "/static/<path:filename>"),
        *("/work-lists", "/work-lists/import", "/work-lists/import/<plan_id>"),
        "/sign/turn/<turn_id>",
        *("/handover", "/handover/preview", "/handover/<int(max=999999999):handover_id>/file"),
        *("/hub", "/hub/<site_node>"),
        *("/sign/preview", "/sign/approvals", "/sign/approvals/<int(max=999999999):approval_id>"),
        *(person, correction),
        *("/vials", "/observation", "/observation/<int(max=999999999):visit_id>/reaction"),
        "/doses/<int(max=999999999):sequence>/slip",
        *("/people/<int(max=999999999):person_id>/passport", "/passports", "/passports/print"),
        *("/reception", "/reception/new", "/reception/visits/<int(max=999999999):visit_id>/cancel"),
        "/reception/roster",
        *("/certificates", "/certificates/found/<work_id>", "/certificates/desk/<turn_id>"),
        *("/evidence", "/evidence/file"),
        *("/stick", "/stick/<work_id>"),
        *("/device", "/devices", "/epoch", "/token", "/token/<work_id>", "/token/trial/<trial_id>"),
        *("/sign-in", "/unlock", "/first-account", "/password", "/help/<page>"),
        *("/users", "/users/<int(max=999999999):user_id>", "/audit", "/audit/verify/<work_id>", "/settings"),
        "/clock",
        *("/reports", "/exports", "/exports/<work_id>", "/exports/<work_id>/file", "/day-close", "/day-close/sheet"),
    }


def test_no_address_names_a_person(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre)
    people = [villager(number) for number in range(1, 6)]
    clinic.give_pack(people[:3])
    for number, person in enumerate(people):
        clinic.record(Submission(f"dose-{number:04d}", person, facts(given_at=NOW - 600 * number)))
    # A walk over all pages and all links, then the forms with names in them.
    waiting, seen = ["/"], set()
    while waiting:
        page = waiting.pop()
        if page in seen or not page.startswith("/") or page.startswith("/static"):
            continue
        seen.add(page)
        answer = visitor.client.get(page, base_url=ADDRESS)
        if answer.status_code == 200:
            visitor.get(page)
            waiting += sorted(visitor.addresses - seen)
    visitor.post("/doses/card", {"card": people[0].name}, status=200)
    visitor.post("/sign", {"do": "search", "text": people[0].phone})
    visitor.post("/sign", {"do": "preview", "shown": "1,2", "dose": ["1", "2"]})
    sign(visitor)
    personal = [text for person in people for text in (*person.name.split(), person.number, person.phone)]
    assert {"/people/4", "/doses/4/correct"} <= {page.partition("?")[0] for page in seen}
    assert len(seen) > 6
    assert not words_in(visitor.addresses, [*personal, "1985", "Trần", "Ánh"])


def test_the_figures_of_the_day_add_up(visitor: Visitor, station: Station) -> None:
    evening(station, visitor)
    text = visitor.get("/")
    assert "<b>12</b> đã ghi" in text
    assert "<b>7</b> đã ký" in text
    assert "<b>5</b> chưa ký" in text
    counts = [int(found) for found in re.findall(r'</th><td class="number">(\d+)</td><td class="number quiet">', text)]
    assert sum(counts) == 12


def test_the_next_thing_to_do_follows_the_day(visitor: Visitor, station: Station) -> None:
    assert "Ghi mũi tiêm tiếp theo" in visitor.get("/")
    station.record(2)
    assert "Ký 2 mũi tiêm hôm nay" in visitor.get("/")
    station.sign()
    assert "1 gói chờ gửi về trung tâm" in visitor.get("/")
    visitor.post("/sync/now")
    assert "Ghi mũi tiêm tiếp theo" in visitor.get("/")


def test_what_came_back_stands_on_the_sync_page_with_cause_and_cure(visitor: Visitor, station: Station) -> None:
    evening(station, visitor)
    text = visitor.get("/sync")
    for said in ("1 tạm giữ", "1 bị trả lại", "19001A-000002", "19001A-000003", words(Code.LOT_EXPIRED).cure):
        assert said in text
    assert "Gói số 2" in text
    assert "Chờ gửi" in text


def test_a_network_that_is_away_is_a_sentence_and_no_error(visitor: Visitor, station: Station) -> None:
    station.record(2)
    station.sign()
    station.centre.faults = [Fault.UNREACHED, None]
    text = visitor.post("/sync/now")
    assert "Mất mạng từ 16:30" in text
    assert "thử lại lúc" in text
    assert "Gửi lại không làm trùng" in text
    assert "Ở trung tâm từ 16:30" in visitor.post("/sync/now")


def test_the_work_list_names_the_field_that_differs_and_asks_again_on_request(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre)
    clinic.record(Submission("dose-0001", villager(1), facts()))
    visitor.get("/work-lists?list=identity-waiting")
    visitor.post("/identity/check", status=422)
    clinic.give_pack([villager(1, birth_date="1985-03-02")])
    visitor.post("/identity/check")
    assert "ngày sinh</span>" in visitor.get("/work-lists?list=identity-mismatch")


def errors() -> list[Exception]:
    """One of every kind that a page may have to show."""
    return [
        *(refuse(code, "card") for code in EdgeCode),
        *(refuse(code, "card") for code in Code),
        *(PassRefusedError(code) for code in PassCode),
        *(TokenError(code) for code in TokenCode),
        *(StickError(code) for code in StickCode),
        *(ProtocolError(code, "a rule") for code in Code),
    ]


def test_every_refusal_has_a_page_with_its_code_a_sentence_and_a_cure(tmp_path: Path, station: Station) -> None:
    app: Flask = create_app(make_node(tmp_path, station.database))
    planted: list[Exception] = []

    @app.get("/refused")
    @allow_anybody()
    def refused() -> str:
        raise planted.pop()

    client = app.test_client()
    for error in errors():
        planted.append(error)
        answer = client.get("/refused", base_url=ADDRESS)
        code = error.findings[0].code if isinstance(error, RefusedError) else error.code  # type: ignore[attr-defined]
        assert answer.status_code in (409, 422)
        assert code.value in answer.text
        assert len(re.findall(r"<h1>[^<]{5,}</h1>\s*<p class=\"lead\">[^<]{5,}</p>", answer.text)) == 1, code


@pytest.mark.parametrize("state", list(IdentityState))
def test_every_identity_state_is_a_sentence_with_what_comes_next(state: IdentityState) -> None:
    said = identity_sentence(state)
    assert said.signable == (state in (IdentityState.MATCHED, IdentityState.VOUCHED))
    assert said.text.count(".") >= 2


@pytest.mark.parametrize("code", [*EdgeCode, *Code])
def test_every_finding_is_a_sentence_that_ends(code: EdgeCode | Code) -> None:
    for field in form_words.FIELDS:
        said = form_words.finding_sentence(Finding(code, True, field, "3"))
        assert said.strip().endswith((".", "…")) or "trống" in said, said
        assert ".." not in said


def test_a_reason_of_a_newer_centre_is_shown_as_it_is() -> None:
    assert reason_words("of-tomorrow").vi == "of-tomorrow"


def test_lists_of_people_are_sorted_by_given_name_whatever_its_marks() -> None:
    names = ["Võ Thị Yến", "Trần Văn Ân", "Lê Thị Đào", "Hồ Thị Bưởi", "Võ Ánh"]
    given = [name.split()[-1] for name in sorted(names, key=given_name_first)]
    assert given == ["Ân", "Ánh", "Bưởi", "Đào", "Yến"]


def test_the_hours_reach_as_far_as_the_doses() -> None:
    assert [column.hour for column in hours({}, now_hour=None)] == list(range(6, 21))
    late = hours({22: 1}, now_hour=22)
    assert late[-1].hour == 22
    assert late[-1].is_now
    assert late[-1].height == max(column.height for column in late)


def test_days_and_times_are_typed_in_fields_of_text() -> None:
    # A browser's own field for days follows the language of the computer: 04/15/2022 on an English one.
    templates = sorted(TEMPLATES.rglob("*.html"))
    assert len(templates) > 40
    assert [path.name for path in templates if NATIVE.search(path.read_text(encoding="utf-8"))] == []
    assert NATIVE.search('<input id="day" type="date">')


def test_one_dose_is_a_dose_and_two_are_doses(station: Station, visitor: Visitor) -> None:
    station.record(1)
    text = visitor.post("/language", {"language": "en", "back": "/"})
    assert "Sign 1 dose of today" in text
    assert "1 bundles" not in text
    station.record(1)
    assert "Sign 2 doses of today" in visitor.get("/")
    assert "Can be signed: 2 doses" in visitor.get("/sign")
    assert 'data-one="dose" data-many="doses">doses</span>' in visitor.text
