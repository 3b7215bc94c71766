"""Each numbered check of PROTOCOL 8 refuses with its own code; (1) to (6) leave the store as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from central.domain.admission import PlaceError
from central.domain.node import NodeState
from central.store import nodes
from central.store.database import write_transaction
from central.workflow.register_certificate import revoke_certificate
from sync_protocol import limits
from sync_protocol.bundle import BatchBody, BundleKind, encode_batch_body
from sync_protocol.columns import pack_doses
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Checkpoint, Purpose
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key, issue_certificate, make_ca
from tests.central.scenario import EVENING, MORNING, Site, World
from tests.central.snapshots import snapshot


def refused(world: World, sealed: bytes, *, kept: str = "") -> ProtocolError:
    """Offers what must take no place; gives the refusal, and shows that nothing changed, or the one table `kept`."""
    before = snapshot(world)
    with pytest.raises(ProtocolError) as caught:
        world.offer(sealed)
    after = snapshot(world)
    assert [name for name in after if after[name] != before[name]] == ([kept] if kept else [])
    return caught.value


def sealed_batch(site: Site, **link: object) -> bytes:
    doses = site.doses([1, 2])
    site.world.know(doses)
    return site.seal(site.link(encode_batch_body(site.body(doses)), **link))  # type: ignore[arg-type]


class TestBeforeTheChain:
    def test_1_an_envelope_over_its_size_is_not_opened(self, world: World) -> None:
        assert refused(world, bytes(limits.SEALED_BYTES + 1)).code is Code.TOO_LARGE

    @pytest.mark.parametrize(
        ("data", "code"), [(b"", Code.NOT_CBOR), (b"\xa0", Code.NOT_COSE), (b"\xff" * 99, Code.NOT_CBOR)]
    )
    def test_2_what_is_no_envelope_is_refused(self, world: World, data: bytes, code: Code) -> None:
        assert refused(world, data).code is code

    def test_2_an_envelope_for_another_key_is_refused(self, world: World) -> None:
        site = world.site()
        sealed = seal(site.link(b""), recipient=ec_key("another").public_key(), entropy=SeededEntropy(3))
        assert refused(world, sealed).code is Code.RECIPIENT_UNKNOWN

    def test_2_an_envelope_with_a_flipped_bit_is_refused(self, world: World) -> None:
        sealed = bytearray(sealed_batch(world.site()))
        sealed[-40] ^= 1
        assert refused(world, bytes(sealed)).code in (Code.ENVELOPE_UNREADABLE, Code.NOT_CBOR, Code.NOT_COSE)

    def test_3_an_unknown_node_is_refused(self, world: World) -> None:
        site = world.site()
        site.node = "99999Z"
        assert refused(world, site.seal(site.link(b""))).code is Code.NODE_UNKNOWN

    def test_3_a_node_that_is_locked_out_is_refused_even_a_repeat(self, world: World) -> None:
        site = world.site()
        sealed = sealed_batch(site)
        world.offer(sealed)
        with write_transaction(world.centre.engine) as connection:
            nodes.set_state(connection, site.node, NodeState.DENIED)
        assert refused(world, sealed).code is Code.NODE_DENIED

    def test_4_a_bundle_that_another_key_signed_is_refused(self, world: World) -> None:
        site = world.site()
        site.node_key = ec_key("thief")
        assert refused(world, sealed_batch(site)).code is Code.SIGNATURE_INVALID

    def test_6_another_epoch_is_refused_with_the_head_wanted(self, world: World) -> None:
        site = world.site()
        error = refused(world, sealed_batch(site, epoch=site.epoch + 1))
        assert error.code is Code.EPOCH
        assert isinstance(error, PlaceError)
        assert (error.head.epoch, error.head.sequence, error.head.digest) == (1, 0, site.digest)

    def test_6_a_gap_is_refused_with_the_head_wanted(self, world: World) -> None:
        site = world.site()
        site.send(doses := site.doses([1]))
        world.know(doses)
        error = refused(world, sealed_batch(site, sequence=site.sequence + 2))
        assert error.code is Code.NOT_NEXT
        assert isinstance(error, PlaceError)
        assert (error.head.sequence, error.head.digest) == (1, site.digest)

    def test_6_another_predecessor_is_refused(self, world: World) -> None:
        assert refused(world, sealed_batch(world.site(), previous=bytes(32))).code is Code.NOT_NEXT

    def test_6_a_bundle_spliced_from_another_site_is_refused(self, world: World) -> None:
        mine, other = world.site(), world.site("19002", "19002A")
        error = refused(world, sealed_batch(mine, node=other.node))
        assert error.code is Code.SIGNATURE_INVALID

    def test_6_a_head_that_this_ledger_never_had_is_refused(self, world: World) -> None:
        invented = replace(world.head(), root=bytes(32))
        error = refused(world, sealed_batch(world.site(), known_head=invented), kept="lost_heads")
        assert error.code is Code.HEAD_INCONSISTENT


def poisoned(site: Site, inner: bytes) -> Code:
    """Offers what is refused but holds its place; gives the code of the receipt, and shows that the chain goes on."""
    before = snapshot(site.world)
    receipt = site.send_inner(inner)
    after = snapshot(site.world)
    assert receipt.verdicts == ()
    assert receipt.entry.refusal is not None
    assert after["doses"] == before["doses"]
    assert after["batches"] == before["batches"]
    follower = site.send([site.dose(4_000)])
    assert follower.entry.refusal is None
    return receipt.entry.refusal


def batch_with(site: Site, **manifest: object) -> bytes:
    doses = site.doses([1, 2])
    site.world.know(doses)
    return site.inner(doses, **manifest)


class TestPoison:
    def test_a_kind_that_the_centre_cannot_act_on(self, world: World) -> None:
        site = world.site()
        assert poisoned(site, site.link(b"", kind=BundleKind.ANSWERS)) is Code.KIND_UNKNOWN

    def test_7_a_batch_for_another_facility(self, world: World) -> None:
        site = world.site()
        world.site("19002", "19002A")
        assert poisoned(site, batch_with(site, facility="19002")) is Code.FACILITY_MISMATCH

    def test_7_a_batch_of_another_node(self, world: World) -> None:
        site = world.site()
        assert poisoned(site, batch_with(site, node="19001B")) is Code.FACILITY_MISMATCH

    def test_8_columns_that_do_not_unpack(self, world: World) -> None:
        site = world.site()
        body = site.body(site.doses([1]))
        broken = encode_batch_body(replace(body, columns=body.columns[:-1]))
        assert poisoned(site, site.link(broken)) is Code.COLUMNS_INVALID

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda site, body, doses: replace(body, columns=pack_doses(doses[:-1])), Code.COUNT_MISMATCH),
            (
                lambda site, body, doses: replace(body, columns=pack_doses([replace(doses[0], lot="X"), doses[1]])),
                Code.ROOT_MISMATCH,
            ),
            (lambda site, body, doses: replace(body, secret=bytes(32)), Code.ROOT_MISMATCH),
        ],
    )
    def test_9_10_doses_that_are_not_the_signed_ones(
        self, world: World, change: Callable[..., BatchBody], code: Code
    ) -> None:
        site = world.site()
        doses = site.doses([1, 2])
        assert poisoned(site, site.link(encode_batch_body(change(site, site.body(doses), doses)))) is code

    def test_11_a_statement_whose_signature_is_another(self, world: World) -> None:
        site = world.site()
        doses = site.doses([1])
        body = site.body(doses)
        flipped = bytearray(body.statement)
        flipped[-1] ^= 1
        broken = encode_batch_body(replace(body, statement=bytes(flipped)))
        assert poisoned(site, site.link(broken)) is Code.SIGNATURE_INVALID

    def test_12_a_certificate_of_an_authority_that_nobody_trusts(self, world: World) -> None:
        site = world.site()
        trusted = site.certificate
        stranger = make_ca("Stranger", world.authority.certificate.not_before)
        site.certificate = issue_certificate(
            stranger, site.organisation_key, subject="Trạm y tế", at=world.authority.certificate.not_before
        )
        inner = batch_with(site)
        site.certificate = trusted
        assert poisoned(site, inner) is Code.CERTIFICATE_UNTRUSTED

    def test_12_a_certificate_revoked_before_the_checkpoint(self, world: World) -> None:
        site = world.site()
        assert site.certificate is not None
        revoke_certificate(
            site.certificate, revoked_at=MORNING - 1, reason="lost", engine=world.centre.engine, now=EVENING
        )
        receipt = site.send_inner(batch_with(site))
        assert receipt.entry.refusal is Code.CERTIFICATE_REVOKED

    def test_13_a_serial_that_is_not_registered_for_the_facility(self, world: World) -> None:
        site = world.site()
        registered, key = site.certificate, site.organisation_key
        site.certificate = world.certificate(site, seed="not registered")
        inner = batch_with(site)
        site.certificate, site.organisation_key = registered, key
        assert poisoned(site, inner) is Code.CERTIFICATE_UNREGISTERED

    def test_13_another_officer_than_the_registered_one(self, world: World) -> None:
        site = world.site()
        assert poisoned(site, batch_with(site, signer_name="Lê Văn Cường")) is Code.CERTIFICATE_UNREGISTERED

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"claimed_at": MORNING - 1}, Code.TIME_WINDOW),
            ({"claimed_at": EVENING + limits.CLOCK_AHEAD_SECONDS + 1}, Code.TIME_WINDOW),
            ({"first_day": "2022-04-14"}, Code.PURPOSE),
            ({"purpose": Purpose.BACKLOG, "last_day": "2022-04-16"}, Code.PURPOSE),
            ({"checkpoint": Checkpoint(epoch=1, size=1, root=bytes(32), at=EVENING)}, Code.HEAD_INCONSISTENT),
        ],
    )
    def test_14_times_and_days_that_cannot_be(self, world: World, changes: dict[str, object], code: Code) -> None:
        site = world.site()
        assert poisoned(site, batch_with(site, **changes)) is code

    def test_14_a_claimed_time_that_goes_back(self, world: World) -> None:
        site = world.site()
        site.send(site.doses([7]), checkpoint=None)
        assert poisoned(site, batch_with(site, claimed_at=EVENING - 1, checkpoint=None)) is Code.TIME_WINDOW


def test_a_batch_may_leave_out_a_certificate_that_the_centre_has_seen(world: World) -> None:
    from sync_protocol.batch import prepare_batch, sign_batch
    from tests.central.scenario import SECRET

    site = world.site()

    def bare() -> bytes:
        doses = site.doses([20 + site.sequence])
        prepared = prepare_batch(site.manifest(doses), doses, SECRET)
        signer = KeySigner(site.organisation_key, certificate=site.certificate)
        statement = sign_batch(prepared, signer, carry_certificate=False)
        return site.link(encode_batch_body(BatchBody(statement, SECRET, pack_doses(doses))))

    assert site.send_inner(bare()).entry.refusal is Code.SIGNER_UNKNOWN
    site.send(site.doses([10]))
    assert site.send_inner(bare()).entry.refusal is None
