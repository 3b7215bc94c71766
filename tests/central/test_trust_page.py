"""The page of trust: how old each list is, and both bounds of every signature that is in question."""

from __future__ import annotations

import re
from html import unescape

from central.app import create_app
from central.workflow.import_crl import import_crl
from central.workflow.register_certificate import revoke_certificate
from sync_protocol.certificate import serial_text
from tests.central.scenario import EVENING, MORNING, World
from tests.revocation_lists import WEEK, make_crl


def words(world: World) -> str:
    """What a reader sees of the page."""
    answer = create_app(world.centre).test_client().get("/operator/trust", base_url="http://127.0.0.1:8480")
    assert answer.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def take(world: World, revoked: dict[int, int]) -> None:
    data = make_crl(world.authority.certificate, world.authority.key, revoked, at=EVENING - 60)
    import_crl(data, source="list.crl", engine=world.centre.engine, now=world.clock.now())


def test_the_age_of_each_list_is_shown(world: World) -> None:
    said = words(world)
    assert "CN=HCVX Demo Organisation CA" in said
    assert "Chưa có danh sách thu hồi" in said
    assert "Không có chữ ký nào cần xem xét" in said
    take(world, {5: MORNING, 6: MORNING})
    said = words(world)
    assert "16:59 ngày 15/04/2022 16:59 ngày 22/04/2022 2" in said
    assert "quá hạn" not in said
    world.clock.at = EVENING + WEEK
    assert "Danh sách thu hồi quá hạn cập nhật" in words(world)


def test_a_doubt_is_shown_with_both_bounds_and_the_instant_between(world: World) -> None:
    site = world.site()
    assert site.certificate is not None
    take(world, {site.certificate.serial: MORNING + 3_600})
    doses = site.doses([1, 2])
    world.know(doses)
    site.send(doses)
    said = words(world)
    assert "1 lô ký có chữ ký cần xem xét" in said
    assert f"19001 nút 19001A, lô 1 {serial_text(site.certificate.serial)}" in said
    assert "08:00 ngày 15/04/2022 17:00 ngày 15/04/2022 09:00 ngày 15/04/2022" in said
    assert "2 0 Tổ chức" in said


def test_a_doubt_for_the_end_of_a_registration_is_shown_too(world: World) -> None:
    site = world.site()
    assert site.certificate is not None
    world.register(site.facility, site.certificate, until=EVENING - 60)
    doses = site.doses([1])
    world.know(doses)
    site.send(doses, checkpoint=None)
    said = words(world)
    assert "không rõ 17:00 ngày 15/04/2022 16:59 ngày 15/04/2022" in said
    assert "chứng thư số vừa hết đăng ký" in said


def test_what_is_revoked_by_hand_is_shown_as_well(world: World) -> None:
    site = world.site()
    assert site.certificate is not None
    site.send(site.doses([1]), checkpoint=None)
    revoke_certificate(site.certificate, revoked_at=MORNING, reason="lost", engine=world.centre.engine, now=EVENING)
    assert "1 lô ký có chữ ký cần xem xét" in words(world)


def test_the_page_is_for_this_machine_alone_and_shows_nobody(world: World) -> None:
    client = create_app(world.centre).test_client()
    elsewhere = client.get("/operator/trust", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert elsewhere.status_code == 403
    site = world.site()
    assert site.certificate is not None
    take(world, {site.certificate.serial: MORNING})
    doses = site.doses([1])
    site.send(doses)
    assert doses[0].recipient.name not in words(world)
