"""How often the token is asked for one pass of 3,000 doses, and how long it takes: SoftHSM2 behind PKCS#11, RSA-2048.

The peer is one signature for each dose, which is what signing records one by one costs; its time is that of 300
signatures, times ten.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sync_protocol import limits
from sync_protocol.batch import prepare_batch, sign_batch
from sync_protocol.signers.opening import open_signer
from tests.builders import rsa_key
from tests.protocol.synthetic import SECRET, generate_doses, make_manifest, organisation_certificate
from tests.softhsm import Person, softhsm_in

_SAMPLE = 300


def measure() -> Iterator[dict[str, object]]:
    """Yields `token_ops` and the seconds of the token for one pass."""
    doses = generate_doses(limits.BATCH_DOSES, "pass")
    prepared = prepare_batch(make_manifest(doses), doses, SECRET)
    key = rsa_key()
    with tempfile.TemporaryDirectory() as folder, softhsm_in(Path(folder) / "hsm") as hsm:
        token = hsm.add_token("BENCH", key=key, certificate=organisation_certificate(key))
        with open_signer(token.uri, Person()) as signer:
            started = time.perf_counter()
            sign_batch(prepared, signer)
            seconds = time.perf_counter() - started
            operations = signer.operations
            started = time.perf_counter()
            signer.sign_many(prepared.dose_bytes[:_SAMPLE])
            each = (time.perf_counter() - started) * len(doses) / _SAMPLE
    yield _line("token_ops", operations, unit="operations", peer=float(len(doses)), limit=1.0)
    yield _line("token_ops.seconds", round(seconds, 4), unit="s", peer=round(each, 3), limit=None)


def _line(metric: str, value: float, *, unit: str, peer: float, limit: float | None) -> dict[str, object]:
    return {
        "metric": metric,
        "value": value,
        "unit": unit,
        "limit": limit,
        "ratio": round(value / peer, 5),
        "peer": peer,
        "target": limit,
        "met": None if limit is None else value <= limit,
    }
