"""What stands before every page: foreign hosts, foreign origins, missing tokens, big bodies, headers, the log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from flask import Flask, request

from edge.app import create_app, make_server
from edge.bootstrap import Node
from edge.store.errors import StoreCode, StoreError
from edge.web.frame.access import allow_anybody
from tests.browser.visitor import ADDRESS, Visitor, make_node, visit
from tests.edge.clinic import Clinic, make_clinic

OWN = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
FORM = {"name": "Kẻ Lạ", "by": "Kẻ Lạ"}


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic) -> Node:
    return make_node(tmp_path, clinic.database)


@pytest.fixture
def visitor(node: Node, clinic: Clinic) -> Visitor:
    return visit(node, clinic.centre)


@pytest.fixture
def app(node: Node) -> Flask:
    return create_app(node)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.7", "127.0.0.2", "[::1]"])
def test_a_request_under_a_foreign_name_learns_nothing(visitor: Visitor, host: str) -> None:
    answer = visitor.client.get("/", base_url=f"http://{host}:8750")
    assert answer.status_code == 400
    assert "Hòa Hiệp" not in answer.text
    assert "<" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_may_ask_under_each_of_its_names(visitor: Visitor, host: str) -> None:
    assert visitor.client.get("/", base_url=f"http://{host}:8750").status_code in (200, 303)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": ADDRESS, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ADDRESS, "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
@pytest.mark.parametrize("path", ["/doses", "/sign/run", "/sync/now", "/identity/check", "/doses/card"])
def test_a_form_that_no_page_of_ours_sent_is_refused(
    visitor: Visitor, clinic: Clinic, headers: dict[str, str], path: str
) -> None:
    token = visitor.get("/doses/new").split('name="csrf_token" value="')[1].split('"')[0]
    answer = visitor.client.post(path, base_url=ADDRESS, data={**FORM, "csrf_token": token}, headers=headers)
    assert answer.status_code == 403
    assert "http-403" in answer.text
    assert clinic.count("doses") == 0


@pytest.mark.parametrize("path", ["/sign/run", "/sign/resume", "/sign/abandon", "/sync/now", "/identity/check"])
@pytest.mark.parametrize("token", ["", "made-up"])
def test_a_form_without_the_token_of_its_session_is_refused(visitor: Visitor, path: str, token: str) -> None:
    answer = visitor.client.post(path, base_url=ADDRESS, data={"csrf_token": token}, headers=OWN)
    assert answer.status_code == 400
    assert "csrf" in answer.text


def test_a_form_that_outlived_the_program_keeps_what_was_typed(visitor: Visitor, clinic: Clinic) -> None:
    typed = {"name": "Trần Thị Giữ Lại", "birth_date": "01/03/1985", "lot": "ABX1234", "csrf_token": "of-yesterday"}
    answer = visitor.client.post("/doses", base_url=ADDRESS, data=typed, headers=OWN)
    assert answer.status_code == 400
    assert "Trần Thị Giữ Lại" in answer.text
    assert "ABX1234" in answer.text
    assert "bấm ghi lần nữa" in answer.text
    assert clinic.count("doses") == 0


def test_a_body_larger_than_any_form_is_refused(visitor: Visitor) -> None:
    data = {"card": "x" * 600_000}
    answer = visitor.client.post("/doses/card", base_url=ADDRESS, data=data, headers=OWN)
    assert answer.status_code == 413


def test_each_answer_tells_the_browser_what_it_may_do(visitor: Visitor) -> None:
    for path in ("/", "/doses/new", "/sign", "/sync", "/nowhere", "/static/edge.css"):
        answer = visitor.client.get(path, base_url=ADDRESS)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Frame-Options"] == "DENY"
        if not path.startswith("/static"):
            assert answer.headers["Cache-Control"] == "no-store"
        answer.close()


def test_the_cookie_is_for_this_node_and_for_no_script(visitor: Visitor, app: Flask) -> None:
    cookie = visitor.client.get("/sign", base_url=ADDRESS).headers["Set-Cookie"]
    assert cookie.startswith(f"{app.config['SESSION_COOKIE_NAME']}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", ""])
def test_the_pages_are_served_to_this_machine_only(node: Node, host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        make_server(node, host, 0)


def test_a_bug_is_a_page_and_its_log_repeats_nothing_that_was_typed(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/bug")
    @allow_anybody()
    def bug() -> str:
        return str(int(request.args["typed"]))

    with caplog.at_level(logging.DEBUG):
        answer = app.test_client().get("/bug?typed=Kín", base_url=ADDRESS)
    assert answer.status_code == 500
    assert "http-500" in answer.text
    assert "Kín" not in answer.text
    assert "ValueError" in caplog.text
    assert "Kín" not in caplog.text


@pytest.mark.parametrize("code", list(StoreCode))
def test_a_store_that_cannot_be_read_is_a_page_with_a_cure(app: Flask, code: StoreCode) -> None:
    @app.get("/broken")
    @allow_anybody()
    def broken() -> str:
        raise StoreError(code, "planted")

    answer = app.test_client().get("/broken", base_url=ADDRESS)
    assert answer.status_code == 503
    assert code.value in answer.text
    assert "planted" not in answer.text


def test_a_store_that_is_gone_still_gives_a_page(node: Node, app: Flask) -> None:
    client = app.test_client()
    node.database.close()
    node.database.path.rename(node.database.path.with_suffix(".away"))
    for path in ("/", "/nowhere"):
        answer = client.get(path, base_url=ADDRESS)
        assert answer.status_code == 503
        assert "store-missing" in answer.text
