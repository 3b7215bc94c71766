"""The sync calls: what nodes, carriers and verifiers ask of the centre."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from central.bootstrap import Centre
from central.store import ledger
from central.store.database import read_transaction
from central.store.published_sets import PublishedKind, newest_set
from central.workflow.accept_enrolment import accept_enrolment
from central.workflow.admit_bundle import admit_bundle
from central.workflow.give_feed import give_feed
from central.workflow.lost_history import keep_proofs
from central.workflow.take_epoch import take_epoch
from central.workflow.take_shown_epoch import take_shown_epoch
from central.workflow.take_transfer import Intake, TransferDesk
from sync_protocol import endpoints
from sync_protocol.endpoints import Endpoint
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed_page import framed

_VERSIONS: Final = frozenset({endpoints.VERSION})


def nodes_blueprint(centre: Centre, transfers: TransferDesk) -> Blueprint:
    """The calls of `sync_protocol.endpoints`, upon one centre."""
    calls = Blueprint("nodes", __name__)

    @calls.route(endpoints.BUNDLES.path, methods=[endpoints.BUNDLES.method])
    def offer() -> Response:
        sealed = _body(endpoints.BUNDLES)
        answer = admit_bundle(
            sealed,
            engine=centre.engine,
            keys=centre.keys,
            registry=centre.registry,
            tree=centre.ledger,
            now=centre.clock.now(),
        )
        return _answer(endpoints.BUNDLES, answer)

    @calls.route(endpoints.TRANSFERS.path, methods=[endpoints.TRANSFERS.method])
    def transfer() -> Response:
        _check_head(endpoints.TRANSFERS)
        intake = request.environ["wsgi.input"]
        if not isinstance(intake, Intake):
            # A server that does not hand over bodies as they come: the same, in one piece.
            intake = _taken(transfers, _body(endpoints.TRANSFERS))
        with closing(intake):
            return _answer(endpoints.TRANSFERS, intake.finish())

    @calls.route(endpoints.ENROLMENTS.path, methods=[endpoints.ENROLMENTS.method])
    def enrol() -> Response:
        sealed = _body(endpoints.ENROLMENTS)
        answer = accept_enrolment(sealed, engine=centre.engine, keys=centre.keys, now=centre.clock.now())
        return _answer(endpoints.ENROLMENTS, answer)

    @calls.route(endpoints.EPOCHS.path, methods=[endpoints.EPOCHS.method])
    def begin_epoch() -> Response:
        sealed = _body(endpoints.EPOCHS)
        answer = take_epoch(
            sealed, engine=centre.engine, keys=centre.keys, entropy=centre.entropy, now=centre.clock.now()
        )
        return _answer(endpoints.EPOCHS, answer)

    @calls.route(endpoints.SHOWN_EPOCHS.path, methods=[endpoints.SHOWN_EPOCHS.method])
    def show_epochs() -> Response:
        sealed = _body(endpoints.SHOWN_EPOCHS)
        answer = take_shown_epoch(
            sealed, engine=centre.engine, keys=centre.keys, entropy=centre.entropy, now=centre.clock.now()
        )
        return _answer(endpoints.SHOWN_EPOCHS, answer)

    @calls.route(endpoints.SHOWN_RECEIPTS.path, methods=[endpoints.SHOWN_RECEIPTS.method])
    def show_receipts() -> Response:
        sealed = _body(endpoints.SHOWN_RECEIPTS)
        answer = keep_proofs(sealed, engine=centre.engine, keys=centre.keys, now=centre.clock.now())
        return _answer(endpoints.SHOWN_RECEIPTS, answer)

    @calls.route(endpoints.TREE_HEAD.path, methods=[endpoints.TREE_HEAD.method])
    def tree_head() -> Response:
        with read_transaction(centre.engine) as connection:
            newest = ledger.newest_head(connection)
        assert newest is not None
        return _answer(endpoints.TREE_HEAD, newest.signed)

    @calls.route(endpoints.TRUST_LIST.path, methods=[endpoints.TRUST_LIST.method])
    def trust_list() -> Response:
        return _answer(endpoints.TRUST_LIST, _newest(centre, PublishedKind.TRUST_LIST))

    @calls.route(endpoints.FEED.path, methods=[endpoints.FEED.method])
    def feed() -> Response:
        pages = give_feed(
            _body(endpoints.FEED),
            engine=centre.engine,
            keys=centre.keys,
            tree=centre.ledger,
            entropy=centre.entropy,
            now=centre.clock.now(),
        )
        # The server buffers an answer of this size: a node that reads slowly holds no thread and no connection to the
        # store. No digest beside it: a page is sealed and signed, and an idle contact is to stay small.
        response = Response(b"".join(map(framed, pages)), content_type=endpoints.FEED.answer_type)
        response.headers[endpoints.VERSION_HEADER] = endpoints.VERSION
        return response

    @calls.route(endpoints.CATALOGUE.path, methods=[endpoints.CATALOGUE.method])
    def catalogue() -> Response:
        return _answer(endpoints.CATALOGUE, _newest(centre, PublishedKind.CATALOGUE))

    return calls


def _body(endpoint: Endpoint) -> bytes:
    """The request's body, bounded before it is read.

    Raises:
        ProtocolError: VERSION, CONTENT_TYPE.
        RequestEntityTooLarge: more than the call takes.
    """
    _check_head(endpoint)
    if request.content_length is not None and request.content_length > endpoint.request_bytes:
        raise RequestEntityTooLarge
    # A body that was sent in chunks states no length: one byte more than allowed is enough to refuse it.
    body = request.stream.read(endpoint.request_bytes + 1)
    if len(body) > endpoint.request_bytes:
        raise RequestEntityTooLarge
    return body


def _check_head(endpoint: Endpoint) -> None:
    spoken = {item.strip() for item in request.headers.get(endpoints.VERSION_HEADER, endpoints.VERSION).split(",")}
    if not spoken & _VERSIONS:
        raise ProtocolError(Code.VERSION, f"{endpoints.VERSION_HEADER}: this centre speaks {endpoints.VERSION}")
    if request.mimetype != endpoint.request_type:
        raise ProtocolError(Code.CONTENT_TYPE, f"Content-Type: must be {endpoint.request_type}")


def _taken(transfers: TransferDesk, body: bytes) -> Intake:
    intake = Intake(transfers, length=len(body))
    intake.feed(body)
    if intake.is_asking:
        intake.decide()
    return intake


def _answer(endpoint: Endpoint, content: bytes) -> Response:
    response = Response(content, content_type=endpoint.answer_type)
    response.headers[endpoints.VERSION_HEADER] = endpoints.VERSION
    response.headers[endpoints.DIGEST_HEADER] = hashlib.sha256(content).hexdigest()
    return response


def _newest(centre: Centre, kind: PublishedKind) -> bytes:
    with read_transaction(centre.engine) as connection:
        published = newest_set(connection, kind)
    assert published is not None
    return published.content
