"""The audit trail as the manager reads it: every act has words, newest first, filters by codes, the chain checked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from flask import Flask

from edge.bootstrap import Node
from edge.domain.roles import Role
from edge.store import audit
from edge.store.audit import Action, Wanted
from edge.web.frame.long_work import long_work
from edge.web.house.act_words import ACT_WORDS, act_words, subject_words
from edge.workflow.record_dose import Submission
from tests.browser.visitor import ADDRESS, Visitor, add_user, make_node, visit, words_in
from tests.edge.clinic import DAY_SECONDS, NOW, Clinic, facts, make_clinic, villager

OTHER: Final = "Lê Thị Bảy"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic) -> Node:
    return make_node(tmp_path, clinic.database)


@pytest.fixture
def visitor(node: Node, clinic: Clinic) -> Visitor:
    return visit(node, clinic.centre, roles=[Role.MANAGER])


def write(node: Node, count: int, *, action: Action = Action.DOSE_RECORDED, actor: str = OTHER, at: int = NOW) -> None:
    with node.database.write_transaction() as tables:
        audit.append_many(tables, [(action, f"dose:{number}", "") for number in range(count)], actor=actor, at=at)


def checked(visitor: Visitor) -> str:
    """Press the button and wait for what it found."""
    visitor.get("/audit")
    visitor.post("/audit/verify")
    app: Flask = visitor.client.application
    long_work(app).wait()
    address = next(one for one in visitor.addresses if one.startswith("/audit/verify/"))
    return visitor.get(address)


def test_every_act_has_words() -> None:
    assert set(ACT_WORDS) == set(Action)
    assert len(set(ACT_WORDS.values())) == len(Action)
    assert act_words("of-tomorrow") == "of-tomorrow"


def test_a_subject_is_a_thing_with_its_number(visitor: Visitor) -> None:
    with visitor.client.application.test_request_context(base_url=ADDRESS):
        assert subject_words("dose:12") == "mũi số 12"
        assert subject_words("node") == "node"
        assert subject_words("of-tomorrow:1") == "of-tomorrow:1"


def test_the_newest_act_stands_first_and_names_nobody_who_was_vaccinated(visitor: Visitor, clinic: Clinic) -> None:
    clinic.record(Submission("dose-0001", villager(1), facts()))
    text = visitor.get("/audit")
    assert text.index("Ghi mũi tiêm</th>") < text.index("Lập nút</th>")
    one = villager(1)
    assert not [word for word in (one.name, one.number, one.phone, "1985") if word in text]


def test_the_trail_is_paged_by_a_hundred(visitor: Visitor, node: Node) -> None:
    write(node, 205)
    text = visitor.get("/audit")
    seen = text.count('<th scope="row">')
    assert seen == 100
    while "100 dòng cũ hơn" in text:
        address = text.split("100 dòng cũ hơn")[0].rsplit('href="', 1)[1].split('"')[0]
        text = visitor.get(address)
        seen += text.count('<th scope="row">')
    with node.database.read() as tables:
        assert seen == audit.head(tables)[0]
    assert "Mới nhất" in text


def test_a_filter_is_codes_in_the_address_and_shows_what_it_says(visitor: Visitor, node: Node) -> None:
    user_id = add_user(node, login="bay", name=OTHER, roles=[Role.INJECTION])
    write(node, 2)
    write(node, 3, action=Action.VIAL_OPENED, at=NOW - DAY_SECONDS)
    write(node, 1, action=Action.VIAL_OPENED, actor="người khác")

    def shown(query: str) -> int:
        return visitor.get(f"/audit?{query}").count('<th scope="row">')

    assert shown("act=vial-opened") == 4
    assert shown(f"act=vial-opened&user={user_id}") == 3
    assert shown(f"user={user_id}") == 5
    assert shown(f"user={user_id}&day=2022-04-14") == 3
    assert shown(f"user={user_id}&day=2022-04-15") == 2
    assert shown(f"user={user_id}&day=15/04/2022") == 2
    assert shown("act=vial-opened&day=2022-04-13") == 0
    assert "Không có dòng nào như vậy" in visitor.text
    assert not words_in(visitor.addresses, [*OTHER.split(), "người"])


@pytest.mark.parametrize("query", ["act=x", "user=x", "user=999", "day=2022-13-01", "day=x", "before=x", "before=-1"])
def test_a_filter_that_makes_no_sense_is_none(visitor: Visitor, query: str) -> None:
    assert "Lập nút</th>" in visitor.get(f"/audit?{query}")


def test_a_day_that_is_none_is_told_beside_its_field_and_nothing_is_lost(visitor: Visitor) -> None:
    text = visitor.get("/audit?act=dose-recorded&day=31/02/2022")
    assert 'value="31/02/2022" aria-invalid="true" aria-describedby="day-told"' in text
    assert "Ngày không có thật" in text
    assert '<option value="dose-recorded" selected>' in text


def test_the_filters_of_the_trail_go_over_indexes(node: Node) -> None:
    for wanted, index in (
        (Wanted(action="dose-recorded"), "audit_by_action"),
        (Wanted(actor=OTHER), "audit_by_actor"),
        (Wanted(since=NOW, until=NOW + 1), "audit_by_time"),
    ):
        statements: list[str] = []
        with node.database.read() as tables:
            tables.conn.set_trace_callback(statements.append)
            audit.listed(tables, wanted, before=0, limit=101)
            tables.conn.set_trace_callback(None)
            plan = tables.execute(f"EXPLAIN QUERY PLAN {statements[-1]}").fetchall()
        assert any(index in row[3] for row in plan), plan


def test_a_whole_chain_is_said_to_be_whole_with_its_length(visitor: Visitor, node: Node) -> None:
    write(node, 1_300)
    with node.database.read() as tables:
        length = audit.head(tables)[0]
    assert f"{length // 1_000}.{length % 1_000:03d} dòng, chuỗi nguyên vẹn." in checked(visitor)


def test_a_chain_that_somebody_changed_is_not_whole(visitor: Visitor, node: Node) -> None:
    write(node, 20)
    with node.database.write_transaction() as tables:
        trigger = tables.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
        for (name,) in trigger.fetchall():
            tables.execute(f"DROP TRIGGER {name}")
        tables.execute("UPDATE audit SET actor = 'Kẻ Lạ' WHERE entry = 9")
    text = checked(visitor)
    assert "chuỗi nguyên vẹn" not in text
    assert "Không xác nhận được" in text
    assert "gọi bộ phận kỹ thuật" in text
