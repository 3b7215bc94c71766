"""What doses weigh on the wire, and what their codecs cost in time.

The generator's records go the whole way: doses, batch statement under the organisation's key, columns, bundle under
the node's key, envelope, HTTP request head. A signing turn covers at most 1,000 people, so the day of 3,000 one-dose
people is three batches in three bundles; so the fixed parts count three times.

`wire_ten` misses its target: the envelope, two signatures and the digests of one bundle weigh about 770 bytes
however ten doses are packed; `wire_ten.columns` shows the packing alone.

`limit` is the entropy of the generator's own choices in bytes a dose, which no encoding of its records goes below.
`peer` is the same records as JSON lines through gzip, without signature, envelope or head. Both are measured in the
same run.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import requests

from sync_protocol import endpoints, limits, merkle, sealing
from sync_protocol.batch import (
    PreparedBatch,
    count_people,
    leaf_hashes,
    parse_batch,
    prepare_batch,
    read_statement_message,
    sign_batch,
)
from sync_protocol.bundle import BatchBody, Bundle, BundleKind, encode_batch_body, sign_bundle
from sync_protocol.columns import pack_doses, unpack_doses
from sync_protocol.dose import Dose, encode_dose
from sync_protocol.manifest import Checkpoint
from sync_protocol.signers.key_signer import KeySigner, PrivateKey
from tests.builders import SeededEntropy, ec_key, rsa_key
from tests.protocol.synthetic import (
    FACILITY,
    NODE,
    SECRET,
    entropy_of,
    generate_doses,
    generate_records,
    make_manifest,
    organisation_certificate,
)

Line = dict[str, object]

_CENTRE = ec_key("centre")
_NODE_SIGNER = KeySigner(ec_key("node"))
_HEAD = Checkpoint(epoch=1, size=120_000, root=hashlib.sha256(b"head").digest(), at=1_650_000_000)
_RUNS = 5


@dataclass(frozen=True, slots=True)
class _Pass:
    """One signing pass on its way up.

    Attributes:
        columns: the packed doses alone.
        sealed: the whole bundle in its envelope.
        sent: the bytes of the HTTP request.
    """

    prepared: PreparedBatch
    statement: bytes
    columns: bytes
    sealed: bytes
    sent: int


def measure() -> Iterator[Line]:
    """Yields the lines of `wire_day`, `wire_pass`, `wire_ten` and `verify_batch`."""
    yield _weight("wire_day", 3_000, "day", target=15.5)
    yield _weight("wire_day.p256", 3_000, "day", target=15.5, key=ec_key("organisation"))
    yield _weight("wire_day.known_certificate", 3_000, "day", target=15.5, carry_certificate=False)
    yield _weight("wire_day.300", 300, "day", target=None)
    yield _weight("wire_day.30000", 30_000, "day", target=15.5)
    yield _weight("wire_pass", 3_000, "pass", target=11.5)
    yield _weight("wire_ten", 10, "day", target=60.0)
    yield _weight("wire_ten.columns", 10, "day", target=None, columns_only=True)
    yield _weight(
        "wire_ten.known_certificate", 10, "day", target=None, key=ec_key("organisation"), carry_certificate=False
    )
    yield from _times()


def _weight(
    metric: str,
    count: int,
    shape: str,
    *,
    target: float | None,
    key: PrivateKey | None = None,
    carry_certificate: bool = True,
    columns_only: bool = False,
) -> Line:
    """Bytes a dose; the organisation signs with RSA-2048 unless another key is given."""
    signer = _organisation(key or rsa_key())
    passes = [
        _make_pass(doses, signer, sequence=number, carry_certificate=carry_certificate)
        for number, doses in enumerate(_passes(generate_doses(count, shape)), 1)
    ]
    value = sum(len(item.columns) if columns_only else item.sent for item in passes) / count
    lines = "".join(
        json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
        for record in generate_records(count, shape)
    )
    limit = entropy_of(count, shape) / count
    return {
        "metric": metric,
        "value": round(value, 2),
        "unit": "B/dose, columns alone" if columns_only else "B/dose",
        "limit": round(limit, 2),
        "ratio": round(value / limit, 3),
        "peer": round(len(gzip.compress(lines.encode(), 6)) / count, 2),
        "target": target,
        "met": None if target is None else value <= target,
        "bundles": len(passes),
        "columns": round(sum(len(item.columns) for item in passes) / count, 2),
    }


def _times() -> Iterator[Line]:
    """One pass of 1,000 people with three doses each; the organisation signs with a P-256 key in memory."""
    doses = generate_doses(limits.BATCH_DOSES, "pass")
    signer = _organisation(ec_key("organisation"))
    made = _make_pass(doses, signer, sequence=1)
    unverified = parse_batch(made.statement)
    manifest, [certificate] = unverified.statement.manifest, unverified.certificates
    dose_bytes = made.prepared.dose_bytes

    def verify_encoded() -> None:
        """What `verify_batch` does besides encoding the doses."""
        count_people(doses)
        merkle.root_of(leaf_hashes(manifest, dose_bytes, SECRET))
        read_statement_message(unverified, certificate)

    encode = _fastest(lambda: [encode_dose(dose) for dose in doses])
    # A leaf and a node for each dose: two hashes that nobody can leave out.
    hashes = _fastest(lambda: [hashlib.sha256(item).digest() for _ in range(2) for item in dose_bytes])
    yield _duration("verify_batch", _fastest(verify_encoded) * 1e3, limit=hashes * 1e3, target=3.0, unit="ms")
    yield _duration("verify_batch.encode", encode * 1e3, limit=None, target=60.0, unit="ms")
    pack = _fastest(lambda: pack_doses(doses, node=NODE, facility=FACILITY))
    yield _duration("verify_batch.pack", pack * 1e3, limit=None, target=400.0, unit="ms")
    unpack = _fastest(lambda: unpack_doses(made.columns, node=NODE, facility=FACILITY))
    yield _duration("verify_batch.unpack", unpack * 1e3, limit=None, target=400.0, unit="ms")


def _duration(metric: str, value: float, *, limit: float | None, target: float, unit: str = "s") -> Line:
    return {
        "metric": metric,
        "value": round(value, 3),
        "unit": unit,
        "limit": None if limit is None else round(limit, 3),
        "ratio": None if limit is None else round(value / limit, 3),
        "peer": None,
        "target": target,
        "met": value <= target,
    }


def _passes(doses: Sequence[Dose]) -> Iterator[tuple[Dose, ...]]:
    """The doses in signing turns: at most 1,000 people and 3,000 doses each, in order."""
    turn: list[Dose] = []
    people: set[str] = set()
    for dose in doses:
        number = dose.recipient.number
        if len(turn) == limits.BATCH_DOSES or (number not in people and len(people) == limits.BATCH_PEOPLE):
            yield tuple(turn)
            turn, people = [], set()
        turn.append(dose)
        people.add(number)
    yield tuple(turn)


def _make_pass(doses: tuple[Dose, ...], signer: KeySigner, *, sequence: int, carry_certificate: bool = True) -> _Pass:
    previous = hashlib.sha256(sequence.to_bytes(4)).digest()
    manifest = make_manifest(doses, batch_number=sequence, checkpoint=_HEAD, previous=previous)
    prepared = prepare_batch(manifest, doses, SECRET)
    statement = sign_batch(prepared, signer, carry_certificate=carry_certificate)
    columns = pack_doses(doses, node=NODE, facility=FACILITY)
    bundle = Bundle(
        node=NODE,
        epoch=1,
        sequence=sequence,
        previous=previous,
        kind=BundleKind.BATCH,
        known_head=_HEAD,
        created_at=manifest.claimed_at,
        body=encode_batch_body(BatchBody(statement=statement, secret=SECRET, columns=columns)),
    )
    inner = sign_bundle(bundle, _NODE_SIGNER)
    sealed = sealing.seal(inner, recipient=_CENTRE.public_key(), entropy=SeededEntropy(sequence))
    return _Pass(prepared, statement, columns, sealed, sent=len(_request_head(sealed)) + len(sealed))


def _request_head(body: bytes) -> bytes:
    """The head of the request as the site's client sends it."""
    call = endpoints.BUNDLES
    request = requests.Request(
        call.method,
        f"https://hcvx.moh.gov.vn{call.path}",
        headers={
            "User-Agent": "hcvx-edge",
            "Accept-Encoding": "identity",
            "Accept": f"{call.answer_type}, {endpoints.PROBLEM_MEDIA_TYPE}",
            "Connection": "keep-alive",
            "Content-Type": call.request_type,
            endpoints.VERSION_HEADER: endpoints.VERSION,
            endpoints.DIGEST_HEADER: sealing.sealed_digest(body).hex(),
        },
        data=body,
    ).prepare()
    head = [f"{call.method} {call.path} HTTP/1.1", "Host: hcvx.moh.gov.vn"]
    head += [f"{name}: {value}" for name, value in request.headers.items()]
    return "".join(line + "\r\n" for line in [*head, ""]).encode()


def _organisation(key: PrivateKey) -> KeySigner:
    return KeySigner(key, certificate=organisation_certificate(key))


def _fastest(work: Callable[[], object]) -> float:
    """The fastest of a few runs, in seconds."""
    times = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)
