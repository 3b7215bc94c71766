"""A turn at the token as a page makes it, and what must be in the store after any fault: the same bytes, once."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from edge.domain.pass_journal import PassState
from edge.domain.signing_pass import PlannedPass
from edge.store import audit, bundles, passes
from edge.store.audit import Action
from edge.store.database import Database
from edge.workflow.check_store import check_store
from edge.workflow.sign_pass import SealedPass, resume_pass, sign_pass
from sync_protocol.batch import parse_batch
from sync_protocol.bundle import parse_batch_body, parse_bundle
from sync_protocol.columns import unpack_doses
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.signers.token_link import TokenTimeouts
from tests.builders import SeededEntropy
from tests.edge.station import AFTERNOON, DATA_KEY, FACILITY, NODE, OFFICER, Station, make_station
from tests.softhsm import Person
from tests.token.fault_token import FaultToken

PATIENT: Final = TokenTimeouts()


@dataclass(slots=True)
class Turn:
    """A station with doses that wait, the pass that was previewed, and the token."""

    station: Station
    token: FaultToken
    planned: PlannedPass

    def sign(
        self,
        person: Person | None = None,
        *,
        uri: str | None = None,
        after_wrong_pin: bool = False,
        timeouts: TokenTimeouts = PATIENT,
    ) -> SealedPass:
        """Finish the open pass, or else sign the previewed one: one signer process, one PIN."""
        database, entropy = self.station.database, self.station.entropy
        asked = person or Person(self.token.pin)
        with open_signer(uri or self.token.uri, asked, after_wrong_pin=after_wrong_pin, timeouts=timeouts) as signer:
            resumed = resume_pass(database, signer, now=AFTERNOON, entropy=entropy)
            if resumed is not None:
                return resumed
            return sign_pass(database, self.planned, signer, officer=OFFICER, now=AFTERNOON, entropy=entropy)

    def refused(
        self,
        person: Person | None = None,
        *,
        uri: str | None = None,
        after_wrong_pin: bool = False,
        timeouts: TokenTimeouts = PATIENT,
    ) -> TokenError:
        """The same where it must fail; the signer process is gone afterwards, however it had to be ended."""
        with pytest.raises(TokenError) as caught:
            self.sign(person, uri=uri, after_wrong_pin=after_wrong_pin, timeouts=timeouts)
        assert multiprocessing.active_children() == []
        return caught.value

    def left(self) -> PassState | None:
        """How far the pass has come; None while it is only selected, and then there is no trace of it."""
        with self.station.database.read() as tables:
            numbers = passes.numbers(tables)
            stored = passes.find(tables, 1)
            acts = _acts(audit.entries(tables))
        assert numbers == ([] if stored is None else [1])
        if stored is None:
            assert acts == []
            assert self.station.plan() == (self.planned,)
        return None if stored is None else stored.state

    def payload(self) -> bytes | None:
        """The bytes that were fixed for signing, if they were."""
        with self.station.database.read() as tables:
            stored = passes.find(tables, 1)
        return None if stored is None else stored.statement_payload

    def reopened(self) -> Turn:
        """The same station as the next start of the program finds it."""
        path = self.station.database.path
        self.station.database.close()
        database = Database(path, DATA_KEY)
        return replace(self, station=replace(self.station, database=database, entropy=SeededEntropy(7)))


def make_turn(directory: Path, token: FaultToken, *, people: int = 3, per_person: int = 1) -> Turn:
    """A fresh station under this directory, with doses to sign."""
    directory.mkdir(exist_ok=True)
    station = make_station(directory)
    station.record(people, per_person=per_person)
    return Turn(station, token, station.plan()[0])


def assert_signed_once(turn: Turn, *, payload: bytes | None, asked: int) -> None:
    """Whatever happened before: one pass, one statement signed over what was fixed, one bundle, each dose once.

    Args:
        turn: its pass must be sealed.
        payload: the bytes as they were fixed before the fault; None if none were.
        asked: how many signatures the token was asked for over all attempts, all of them over the same bytes.
    """
    with turn.station.database.read() as tables:
        numbers = passes.numbers(tables)
        stored = passes.find(tables, 1)
        chain = bundles.chain(tables)
        bundle = bundles.find(tables, 1, 1)
        acts = _acts(audit.entries(tables))
        waiting = passes.unsigned(tables)
    assert (numbers, chain, waiting) == ([1], [(1, 1)], [])
    assert stored is not None
    assert bundle is not None
    assert stored.state is PassState.SEALED
    assert payload is None or stored.statement_payload == payload
    body = parse_batch_body(parse_bundle(bundle.inner).claimed.body)
    assert body.statement == stored.statement
    assert parse_batch(body.statement).message.payload == stored.statement_payload
    doses = unpack_doses(body.columns, node=NODE, facility=FACILITY)
    assert tuple(dose.sequence for dose in doses) == turn.planned.sequences
    assert acts == [Action.PASS_PREPARED, Action.PASS_SIGNED, Action.PASS_SEALED]
    # Signatures, chain, leaves and the trail, each verified again from its bytes.
    assert check_store(turn.station.database).findings == ()
    given = turn.token.given_to_sign()
    assert (len(given), len(set(given))) == (asked, 1)


def _acts(entries: list[audit.Entry]) -> list[Action]:
    return [Action(entry.action) for entry in entries if entry.subject == "pass:1"]
