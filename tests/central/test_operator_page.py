"""The operator's pages: sums that agree, reasons with their cure, doses without names, nobody from elsewhere."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from central.domain.node import NodeState
from central.store import nodes
from central.store.database import write_transaction
from central.workflow.day_figures import Figures, day_figures
from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS
from tests.central.pages import DAY, SECRETS, assert_quiet, busy_day, end_of_day, pages_client, read_page
from tests.central.scenario import World


@pytest.fixture
def client(world: World) -> FlaskClient:
    busy_day(world)
    return pages_client(world)


def page(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    assert_quiet(answer.text)
    return answer.text


def words(client: FlaskClient, address: str) -> str:
    return read_page(page(client, address))[1]


def test_the_sums_of_a_day_agree_site_by_site_and_reason_by_reason(any_world: World) -> None:
    busy_day(any_world)
    for day in (DAY, None):
        figures = day_figures(any_world.centre.engine, day)
        assert figures.total == Figures(
            certified=5,
            waiting={"name-unwritable": 1, "not-run": 1},
            quarantined={"identity-mismatch": 2, "product-unknown": 1},
        )
        assert (figures.total.received, figures.total.admitted) == (10, 7)
        assert sum(site.figures.received for site in figures.sites) == 10
    by_site = {site.code: site for site in day_figures(any_world.centre.engine, DAY).sites}
    assert by_site["19001"].figures == Figures(3, {"name-unwritable": 1}, {"identity-mismatch": 2})
    assert by_site["19002"].figures == Figures(2, {"not-run": 1}, {"product-unknown": 1})
    assert [code for code, site in by_site.items() if site.is_silent] == ["19003"]


def test_the_picture_of_hours_and_days_counts_what_the_table_counts(any_world: World) -> None:
    busy_day(any_world)
    figures = day_figures(any_world.centre.engine, DAY)
    assert {hour: number for hour, number in enumerate(figures.hours) if number} == {17: 9, 18: 1}
    assert figures.strip[-1] == (DAY, (5, 2, 3))
    assert [sum(counts) for _, counts in figures.strip[:-1]] == [0] * 13


def test_a_replaced_version_is_counted_apart(world: World) -> None:
    site = world.site()
    wrong = site.dose(1)
    world.know([wrong])
    site.send([wrong])
    site.send([site.dose(1, product="PF", replaces=wrong.sequence, replace_reason="Sai vắc xin")])
    figures = day_figures(world.centre.engine, DAY)
    assert (figures.total.received, figures.replaced) == (1, 1)
    assert "1 bản ghi đã được thay bằng bản đính chính" in words(pages_client(world), f"/operator?day={DAY}")


def test_the_page_says_the_equation_each_reason_and_its_cure(client: FlaskClient) -> None:
    said = words(client, f"/operator?day={DAY}")
    assert "10 đã nhận = 5 đã cấp + 2 chờ cấp + 3 giữ lại" in said
    for code in (Code.IDENTITY_MISMATCH, Code.PRODUCT_UNKNOWN, Code.NAME_UNWRITABLE):
        assert PROBLEMS[code].vi in said
        assert f"→ {PROBLEMS[code].cure}" in said
    assert "1 mũi đến sau lượt ký số 1 (xong lúc 17:00)" in said
    assert "Trạm y tế 19003 19003 0 0 0 – – ! Im lặng" in said


def test_a_run_that_was_left_open_and_a_day_without_a_run_are_said(world: World) -> None:
    site = world.site()
    dose = site.dose(1)
    world.know([dose])
    site.send([dose])
    client = pages_client(world)
    assert "1 mũi đã chấp nhận đang chờ lượt ký cuối ngày" in words(client, "/operator")
    end_of_day(world)
    assert "Lượt ký số 1 xong lúc 17:00: cấp 1 chứng nhận." in words(client, "/operator")
    with write_transaction(world.centre.engine) as connection:
        connection.exec_driver_sql("UPDATE day_runs SET state = 'open', finished_at = NULL")
    assert "Lượt ký số 1 bắt đầu lúc 17:00 chưa xong" in words(client, "/operator")


def test_without_a_day_the_newest_with_doses_is_shown_and_all_days_can_be(world: World, client: FlaskClient) -> None:
    world.clock.at += 3 * 86_400
    assert "Các mũi tiêm ngày 15/04/2022" in words(client, "/operator")
    assert "10 đã nhận = 5 đã cấp" in words(client, "/operator?day=all")
    assert "Chưa có mũi tiêm nào" in words(client, "/operator?day=2022-04-10")
    assert client.get("/").headers["Location"] == "/operator"


def test_every_link_of_the_page_leads_to_as_many_doses_as_it_says(client: FlaskClient) -> None:
    html = page(client, f"/operator?day={DAY}")
    links = re.findall(r'<a href="(/operator/doses[^"]*)">([\d.]+)</a>', html)
    assert len(links) >= 10
    for address, number in links:
        said = words(client, address.replace("&amp;", "&"))
        expected = f"{number} mũi trên trang này." if number != "0" else "Không có mũi tiêm nào"
        assert expected in said


def test_lists_name_doses_and_never_people(client: FlaskClient) -> None:
    for address in ("/operator", "/operator/doses", "/operator/doses?state=certified", "/operator/doses?site=19002"):
        assert SECRETS.search(page(client, address)) is None
    listed = words(client, f"/operator/doses?day={DAY}&state=quarantined&code=identity-mismatch")
    assert "19001A-000004" in listed
    assert "19001A-000005" in listed
    assert "2 mũi trên trang này" in listed


def test_a_certified_dose_leads_to_its_passport(client: FlaskClient) -> None:
    html = page(client, "/operator/doses?state=certified")
    addresses = re.findall(r'href="(/passports/[^"]+)"', html)
    assert len(addresses) == 5
    assert {client.get(address).status_code for address in addresses} == {200}


def test_a_long_list_has_pages(world: World) -> None:
    site = world.site()
    doses = site.doses(range(1, 104))
    world.know(doses)
    site.send(doses)
    client = pages_client(world)
    first = page(client, "/operator/doses?state=waiting&day=all")
    assert "100 mũi trên trang này" in first
    following = re.findall(r'href="(/operator/doses\?after=[^"]+)"', first)
    assert len(following) == 1
    assert "3 mũi trên trang này" in words(client, following[0].replace("&amp;", "&"))


def test_a_node_in_trouble_is_named(world: World, client: FlaskClient) -> None:
    with write_transaction(world.centre.engine) as connection:
        nodes.set_state(connection, "19002A", NodeState.FORKED)
    assert "✕ Nút 19002A cần xử lý" in words(client, "/operator")


def test_a_bundle_that_was_refused_as_a_whole_is_listed(world: World) -> None:
    site = world.site()
    dose = site.dose(1)
    world.know([dose])
    site.send([dose], claimed_at=world.clock.now() + 7_200)
    assert f"Nút 19001A, gói số 1: {PROBLEMS[Code.TIME_WINDOW].vi}" in words(pages_client(world), "/operator")


@pytest.mark.parametrize(
    "address",
    [
        "/operator?day=2022-13-01",
        "/operator?day=20220415",
        "/operator/doses?day=yesterday",
        "/operator/doses?state=everything",
        "/operator/doses?code=because",
        "/operator/doses?after=-1",
    ],
)
def test_what_is_no_day_state_or_code_is_refused(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 400


def test_pages_are_served_on_this_machine_alone(client: FlaskClient) -> None:
    for address in ("/operator", "/operator/doses"):
        assert client.get(address, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 403
        assert client.get(address, environ_base={"REMOTE_ADDR": "::1"}).status_code == 200
        assert client.get(address, headers={"Host": "centre.example"}).status_code in (403, 421)


def test_answers_carry_the_headers_that_forbid_the_rest(client: FlaskClient) -> None:
    answer = client.get("/operator")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
