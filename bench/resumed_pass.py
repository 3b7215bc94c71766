"""The program that takes a pass up again after a crash; it imports what that needs and nothing else."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from edge.store.database import Database
from edge.workflow.sign_pass import resume_pass
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key, issue_certificate, make_ca


def resume(directory: Path, *, data_key: bytes, now: int) -> None:
    """Open the store, finish the pass."""
    begin = datetime(2022, 1, 1, tzinfo=UTC)
    certificate = issue_certificate(make_ca("CA", begin), ec_key("organisation"), subject="Trạm Y tế xã", at=begin)
    signer = KeySigner(ec_key("organisation"), certificate=certificate)
    database = Database(directory / "node.db", data_key)
    sealed = resume_pass(database, signer, now=now, entropy=SeededEntropy(2))
    assert sealed is not None
    database.close()


if __name__ == "__main__":
    resume(Path(sys.argv[1]), data_key=bytes.fromhex(sys.argv[2]), now=int(sys.argv[3]))
