"""The sync calls over HTTP: bounded bodies, exact media types, problems from the table, nobody's data."""

from __future__ import annotations

import logging

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from central.app import create_app
from central.store import published_sets
from central.store.database import StoreError
from sync_protocol import endpoints, limits
from sync_protocol.api import RemoteProblem, parse_problem
from sync_protocol.chain_head import ChainHead
from sync_protocol.endpoints import (
    BUNDLES,
    CATALOGUE,
    ENROLMENTS,
    SHOWN_EPOCHS,
    SHOWN_RECEIPTS,
    TREE_HEAD,
    TRUST_LIST,
    Endpoint,
)
from sync_protocol.errors import Code
from sync_protocol.population import PersonKey
from sync_protocol.problems import PROBLEMS
from sync_protocol.receipt import verify_inclusion
from sync_protocol.tree_head import verify_tree_head
from tests.central.scenario import World, recipient


@pytest.fixture
def client(world: World) -> FlaskClient:
    return create_app(world.centre).test_client()


def post(client: FlaskClient, endpoint: Endpoint, body: bytes, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(endpoint.path, data=body, content_type=endpoint.request_type, headers=named)


def problem_of(response: TestResponse) -> RemoteProblem:
    assert response.content_type == endpoints.PROBLEM_MEDIA_TYPE
    problem = parse_problem(response.data)
    assert response.status_code == PROBLEMS[problem.code].status
    return problem


def test_a_bundle_gets_its_receipt_and_the_repeat_the_same(world: World, client: FlaskClient) -> None:
    site = world.site()
    sealed = site.seal(site.inner(site.doses([1])))
    answers = [post(client, BUNDLES, sealed) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].data == answers[1].data
    assert answers[0].content_type == BUNDLES.answer_type
    verify_inclusion(answers[0].data, ledger_keys=[world.centre.keys.ledger.public_key])


def test_what_is_published_can_be_fetched(world: World, client: FlaskClient) -> None:
    head = client.get(TREE_HEAD.path)
    assert verify_tree_head(head.data, [world.centre.keys.ledger.public_key]).checkpoint == world.head()
    for endpoint in (TREE_HEAD, TRUST_LIST, CATALOGUE):
        answer = client.get(endpoint.path)
        assert (answer.status_code, answer.content_type) == (200, endpoint.answer_type)
        assert len(answer.data) <= endpoint.answer_bytes


def test_a_bundle_that_is_not_the_next_gets_the_head_wanted(world: World, client: FlaskClient) -> None:
    site = world.site()
    problem = problem_of(post(client, BUNDLES, site.seal(site.link(b"", sequence=5))))
    assert problem.code is Code.NOT_NEXT
    assert problem.head == ChainHead(1, 0, site.digest)


@pytest.mark.parametrize("endpoint", [BUNDLES, ENROLMENTS, SHOWN_EPOCHS, SHOWN_RECEIPTS])
def test_a_body_with_one_byte_too_many_is_refused_unread(client: FlaskClient, endpoint: Endpoint) -> None:
    problem = problem_of(post(client, endpoint, bytes(endpoint.request_bytes + 1)))
    assert problem.code is Code.TOO_LARGE


def test_a_body_without_a_stated_length_is_bounded_too(client: FlaskClient) -> None:
    from io import BytesIO

    answer = client.post(
        ENROLMENTS.path,
        input_stream=BytesIO(bytes(limits.MESSAGE_BYTES + 1)),
        content_type=ENROLMENTS.request_type,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert problem_of(answer).code is Code.TOO_LARGE


@pytest.mark.parametrize("media_type", ["application/cbor", "text/plain", "multipart/form-data; boundary=x", ""])
def test_another_media_type_is_refused(client: FlaskClient, media_type: str) -> None:
    answer = client.post(BUNDLES.path, data=b"x", content_type=media_type)
    assert problem_of(answer).code is Code.CONTENT_TYPE


def test_a_version_that_nobody_here_speaks_is_refused(client: FlaskClient) -> None:
    assert problem_of(post(client, BUNDLES, b"x", Hcvx_Version="99")).code is Code.VERSION


@pytest.mark.parametrize("endpoint", [BUNDLES, ENROLMENTS, SHOWN_EPOCHS, SHOWN_RECEIPTS])
def test_nonsense_is_a_problem_and_never_an_error_of_ours(client: FlaskClient, endpoint: Endpoint) -> None:
    for body in (b"", b"\x00", b"<html>", b"\xd8\x60\x84" + bytes(50)):
        assert post(client, endpoint, body).status_code in (400, 413)


def test_another_host_name_gets_nothing(client: FlaskClient) -> None:
    assert client.get(TREE_HEAD.path, headers={"Host": "evil.example"}).status_code == 421
    assert client.get(TREE_HEAD.path, headers={"Host": "127.0.0.1:8480"}).status_code == 200


def test_every_answer_carries_the_headers_that_protect_it(client: FlaskClient) -> None:
    for answer in (client.get(TREE_HEAD.path), client.get("/nowhere"), post(client, BUNDLES, b"")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_store_that_is_away_asks_to_come_again(world: World) -> None:
    from dataclasses import replace

    class AwayRegistry:
        def answer(self, people: object) -> list[object]:
            raise StoreError("planted", try_again=True)

    site = world.site()
    away = create_app(replace(world.centre, registry=AwayRegistry())).test_client()  # type: ignore[arg-type]
    answer = post(away, BUNDLES, site.seal(site.inner(site.doses([1]))))
    assert problem_of(answer).code is Code.LATER
    assert int(answer.headers["Retry-After"]) > 0


def test_no_answer_and_no_log_line_holds_anything_of_a_person(
    world: World, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    marker = recipient(8, name="Ngụy Thị Mốc", phone="0999888777")
    said = []
    with caplog.at_level(logging.DEBUG):
        site = world.site()
        for dose in (site.dose(8, recipient=marker), site.dose(8, recipient=marker, product="ZZ")):
            inner = site.inner([dose])
            said.append(post(client, BUNDLES, site.seal(inner)).data)
            site.moved(inner)
        said.append(post(client, BUNDLES, site.seal(inner[:-1])).data)
        said.append(post(client, BUNDLES, site.seal(site.link(b"", sequence=40))).data)
    everything = b"".join(said) + caplog.text.encode()
    for secret in (marker.name, marker.number, marker.phone, marker.birth_date, "FG12345"):
        assert secret.encode() not in everything
    assert "Mốc" not in repr(published_sets) + repr(PersonKey)
