"""The machines: nodes and the centre, each with a clock, a disk and a token that may fail, and a plug."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import sqlcipher3.dbapi2 as sqlite_library  # type: ignore[import-untyped]
from sqlalchemy import Engine, event

from central.app import open_desk
from central.bootstrap import Centre
from central.domain.ledger import LedgerTree
from central.store.key_store import KeyRing
from central.workflow.take_transfer import Intake, TransferDesk
from edge.store.database import Database
from edge.workflow.read_catalogue import CatalogueShelf
from sync_protocol.catalogue import Catalogue
from sync_protocol.signers.signer import Signer
from sync_protocol.signers.token_errors import TokenCode, TokenError
from tests.builders import PassingSigner
from tests.simulation.dice import Dice
from tests.simulation.fuse import Fuse
from tests.simulation.template import DATA_KEY, STORE, Template

_ENDINGS: Final = ("", "-wal", "-shm")


@dataclass(slots=True)
class Time:
    """What time it really is: epoch seconds UTC."""

    at: int


@dataclass(slots=True)
class DriftingClock:
    """Implements `Clock`: the real time, and by how much this machine is wrong."""

    time: Time
    wrong_by: int = 0

    def now(self) -> int:
        """Epoch seconds UTC, as this machine believes."""
        return self.time.at + self.wrong_by


@dataclass
class FlakyToken(PassingSigner):
    """A signer that may be out, or give a wrong signature, at its next operation; `fault` says so."""

    fault: str = ""

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        fault, self.fault = self.fault, ""
        if fault == "removed":
            raise TokenError(TokenCode.TOKEN_REMOVED)
        signatures = self.inner.sign_many(messages)
        return [bytes([one[0] ^ 1]) + one[1:] for one in signatures] if fault == "wrong" else signatures


@dataclass(slots=True)
class NodeMachine:
    """A computer at a site.

    Attributes:
        name: of this machine in the trace; a copied disk runs in a machine of another name.
        code: of the node.
    """

    name: str
    code: str
    facility: str
    directory: Path
    clock: DriftingClock
    entropy: Dice
    token: FlakyToken
    fuse: Fuse = field(default_factory=lambda: Fuse(_full_disk))
    database: Database = field(init=False)
    shelf: CatalogueShelf = field(init=False)
    _committed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.start()

    @property
    def catalogue(self) -> Catalogue:
        return self.shelf.catalogue()

    def start(self) -> None:
        """Opens the store, as after a power cut."""
        self.database = Database(self.directory / STORE, DATA_KEY, tracer=self._trace)
        self.shelf = CatalogueShelf(self.database)

    def stop(self) -> None:
        """Closes the store."""
        self.database.close()

    def restart(self) -> None:
        """The machine goes off and on again; what was not committed is gone."""
        self.fuse.disarm()
        self.stop()
        self.start()

    def back_up(self, path: Path) -> None:
        """Copies the store as the program does it."""
        path.unlink(missing_ok=True)
        self.database.copy_to(path)

    def restore(self, path: Path) -> None:
        """Puts a copy in the place of the store."""
        self.stop()
        for ending in _ENDINGS:
            (self.directory / f"{STORE}{ending}").unlink(missing_ok=True)
        shutil.copyfile(path, self.directory / STORE)
        self.start()

    def _trace(self, sql: str, _parameters: Any) -> None:
        if sql == "COMMIT":
            self.fuse.before_commit()
            self._committed = True
        elif self._committed:
            self._committed = False
            self.fuse.after_commit()


@dataclass(slots=True)
class CentreMachine:
    """The centre's computer, upon the store in the template's working directory.

    Attributes:
        ledger_token, publisher_token: may fail at the next operation.
    """

    template: Template
    clock: DriftingClock
    entropy: Dice
    chance: Dice
    ledger_token: FlakyToken
    publisher_token: FlakyToken
    document_token: FlakyToken
    centre: Centre = field(init=False)
    desk: TransferDesk = field(init=False)
    fuse: Fuse = field(default_factory=lambda: Fuse(_full_disk))

    def __post_init__(self) -> None:
        self.start()

    @property
    def engine(self) -> Engine:
        return self.centre.engine

    @property
    def keys(self) -> KeyRing:
        return self.centre.keys

    @property
    def store(self) -> Path:
        """The database file."""
        return self.centre.config.directory / "centre.db"

    @property
    def spool(self) -> Path:
        """Where parts of transfers lie."""
        return self.centre.config.directory / "spool"

    def start(self) -> None:
        """Opens the centre with nothing in memory, as after a power cut."""
        made = self.template.centre.centre
        made.engine.dispose()
        self.centre = replace(
            made,
            clock=self.clock,
            entropy=self.entropy,
            keys=replace(made.keys, ledger=self.ledger_token, publisher=self.publisher_token),
            ledger=LedgerTree(),
        )
        self.desk = open_desk(self.centre)
        self.fuse.disarm()

    def back_up(self, path: Path) -> None:
        """Copies the store, whole, as a backup tool does that waits for writers."""
        self.engine.dispose()
        shutil.copyfile(self.store, path)

    def restore(self, path: Path) -> None:
        """Puts a copy in the place of the store."""
        self.engine.dispose()
        for ending in _ENDINGS:
            self.store.with_name(f"{self.store.name}{ending}").unlink(missing_ok=True)
        shutil.copyfile(path, self.store)
        self.start()

    def take(self, body: bytes, *, upto: int) -> bytes | None:
        """Takes a transfer in pieces, as the server does; None where only a part of the body comes.

        Raises what the centre's own part raises.
        """
        with closing(Intake(self.desk, length=len(body))) as intake:
            at = 0
            while at < upto:
                size = min(self.chance.between(1, 4_096), upto - at)
                intake.feed(body[at : at + size])
                at += size
                if intake.is_asking:
                    intake.decide()
                if self.chance.happens(30):
                    intake.admit_ready()
            return intake.finish() if upto == len(body) else None

    @contextmanager
    def wired(self) -> Iterator[None]:
        """While this is open the centre's commits go by its fuse."""
        dialect, writing = self.engine.dialect, set[int]()
        commit = dialect.do_commit

        def begun(connection: Any) -> None:
            if connection.get_execution_options().get("hcvx_writes", False):
                writing.add(id(connection.connection.dbapi_connection))

        def do_commit(connection: Any) -> None:
            driver = getattr(connection, "dbapi_connection", connection)
            if id(driver) not in writing:
                commit(connection)
                return
            writing.discard(id(driver))
            self.fuse.before_commit()
            commit(connection)
            self.fuse.after_commit()

        event.listen(self.engine, "begin", begun)
        setattr(dialect, "do_commit", do_commit)  # noqa: B010, of this engine alone
        try:
            yield
        finally:
            setattr(dialect, "do_commit", commit)  # noqa: B010
            event.remove(self.engine, "begin", begun)
            self.engine.dispose()


def _full_disk() -> BaseException:
    return sqlite_library.OperationalError("database or disk is full")  # type: ignore[no-any-return]


def flaky(signer: Signer) -> FlakyToken:
    """A token in front of a signer."""
    return FlakyToken(signer)
