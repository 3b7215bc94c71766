"""With the list for verifiers a slip is checked by anybody, offline: its signer is found, and so is the revocation."""

from __future__ import annotations

from central.store import trust
from central.store.database import write_transaction
from central.store.trust import AnchorScope
from central.workflow.export_evidence import export_signed_list
from central.workflow.import_crl import import_crl
from central.workflow.manage_anchors import add_anchors, add_intermediates
from sync_protocol import limits
from sync_protocol.artefact import ArtefactKind
from sync_protocol.batch import prepare_batch, sign_batch
from sync_protocol.days import DAY_SECONDS, to_datetime
from sync_protocol.dose_proof import encode_dose_proof, prove_dose
from sync_protocol.errors import Code
from sync_protocol.judgement import Surroundings, judge
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.trust import TrustSet, trust_from_file
from tests.builders import Authority, issue_certificate, make_ca
from tests.central.scenario import EVENING, MORNING, SECRET, Site, World
from tests.protocol.refusals import refused
from tests.revocation_lists import make_crl

START = to_datetime(MORNING - 400 * DAY_SECONDS)
ROOT = make_ca("Public Root", START)
BELOW = make_ca("Public CA", START, parent=ROOT)


def site_below(world: World) -> Site:
    """A site with a registered certificate that leads to the root over another authority."""
    site = world.site()
    add_anchors([ROOT.certificate], scope=AnchorScope.PUBLIC, engine=world.centre.engine, now=MORNING)
    add_intermediates([BELOW.certificate], engine=world.centre.engine, now=MORNING)
    site.certificate = issue_certificate(BELOW, site.organisation_key, subject="Trạm y tế", at=START, days=800)
    world.register(site.facility, site.certificate)
    with write_transaction(world.centre.engine) as connection:
        trust.put_seen(connection, [site.certificate], at=MORNING)
    return site


def slip_of(site: Site) -> bytes:
    """A slip as it is printed: it names its signer and carries no certificate."""
    doses = site.doses([1, 2])
    prepared = prepare_batch(site.manifest(doses), doses, SECRET)
    signer = KeySigner(site.organisation_key, certificate=site.certificate)
    statement = sign_batch(prepared, signer, carry_certificate=False)
    return encode_dose_proof(prove_dose(prepared, 1, secret=SECRET, statement_cose=statement))


def listed(world: World, facilities: str = "") -> TrustSet:
    centre = world.centre
    data = export_signed_list(centre.engine, keys=centre.keys, days=30, now=EVENING, facilities=facilities)
    assert len(data) < limits.SET_BYTES
    return trust_from_file(data, at=EVENING)


def revoke(world: World, authority: Authority, serial: int) -> None:
    data = make_crl(authority.certificate, authority.private_key, {serial: MORNING}, at=EVENING - 60)
    import_crl(data, source="list.crl", engine=world.centre.engine, now=EVENING)


def test_a_slip_whose_signer_stands_under_another_authority_verifies_offline(world: World) -> None:
    site = site_below(world)
    slip = slip_of(site)
    found = judge(ArtefactKind.SLIP, slip, Surroundings(listed(world), at=EVENING + 60))
    assert found.facts["signer"] == "CN=Trạm y tế,C=VN"
    with refused(Code.SIGNER_UNKNOWN):
        judge(ArtefactKind.SLIP, slip, Surroundings(listed(world, "79"), at=EVENING + 60))


def test_a_signer_that_its_authority_revoked_proves_nothing_any_more(world: World) -> None:
    site = site_below(world)
    assert site.certificate is not None
    slip = slip_of(site)
    revoke(world, BELOW, site.certificate.serial)
    with refused(Code.CERTIFICATE_REVOKED):
        judge(ArtefactKind.SLIP, slip, Surroundings(listed(world), at=EVENING + 60))


def test_neither_does_one_whose_authority_its_root_revoked(world: World) -> None:
    slip = slip_of(site_below(world))
    revoke(world, ROOT, BELOW.certificate.serial)
    with refused(Code.CERTIFICATE_REVOKED):
        judge(ArtefactKind.SLIP, slip, Surroundings(listed(world), at=EVENING + 60))
