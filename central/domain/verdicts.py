"""What is said of each dose of an admitted batch: the last part of PROTOCOL 8, over the doses of all sites.

The first finding decides. *Refused* means that the centre cannot keep the dose under this id or from this site;
*quarantined* means that it is kept and waits for a person; only *admitted* doses lead to a passport, and only
they count as history for later ones. Every dose has a verdict of its own: one bad dose holds nobody up.

Mixed products are no finding here: they are allowed by policy and warned of at the chair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from central.domain.people import RegistryAnswer, person_key
from sync_protocol import days, limits
from sync_protocol.catalogue import Catalogue, Product
from sync_protocol.dose import Dose, IdentityState, PaperKind
from sync_protocol.errors import Code
from sync_protocol.identity import HOME_COUNTRY
from sync_protocol.manifest import Manifest
from sync_protocol.verdict import Verdict, VerdictState

ADMITTED: Final = Verdict(VerdictState.ADMITTED, None)

_UNCONFIRMED: Final = {
    IdentityState.MISMATCH: Code.IDENTITY_MISMATCH,
    IdentityState.MALFORMED: Code.IDENTITY_MALFORMED,
    IdentityState.NO_NUMBER: Code.IDENTITY_MISSING,
    IdentityState.WAITING: Code.IDENTITY_WAITING,
}


@dataclass(frozen=True, slots=True)
class EarlierDose:
    """An admitted dose that no newer version replaces.

    Attributes:
        product: code in the catalogue.
        disease: agent targeted.
        dose_number: its place in the series.
        day: local day on which it was given, "YYYY-MM-DD".
    """

    product: str
    disease: str
    dose_number: int
    day: str


@dataclass(frozen=True, slots=True)
class Background:
    """What the centre knows when it judges a batch.

    Attributes:
        catalogue: the newest one.
        answers: what the population database says, one for each dose in order.
        history: admitted doses of all sites by person key, those left out that this batch replaces.
        held: sequences of the doses' node that the centre has already.
        replaced: sequences of that node that already have a newer version.
        arrived_at: epoch seconds, UTC.
        doubt: why the whole batch waits although it is genuine (its certificate ended within the window), or None.
    """

    catalogue: Catalogue
    answers: Sequence[RegistryAnswer]
    history: Mapping[str, Sequence[EarlierDose]]
    held: frozenset[int]
    replaced: frozenset[int]
    arrived_at: int
    doubt: Code | None = None


@dataclass(frozen=True, slots=True)
class JudgedDose:
    """A dose with its verdict, the person it belongs to, its local day and its disease ("" when unknown)."""

    dose: Dose
    verdict: Verdict
    person: str
    day: str
    disease: str


def judge_doses(doses: Sequence[Dose], manifest: Manifest, background: Background) -> list[JudgedDose]:
    """Judges every dose of a verified batch; gives them in the order of their leaves."""
    products = {product.code: product for product in background.catalogue.products}
    history: dict[str, list[EarlierDose]] = defaultdict(list)
    for person, earlier in background.history.items():
        history[person].extend(earlier)
    replaced = set(background.replaced)
    refused = refusals(doses, manifest, held=background.held)
    # A version that this very batch replaces is no history either.
    superseded = replaced_by(doses, refused)
    judged = []
    for dose, refusal, answer in zip(doses, refused, background.answers, strict=True):
        person = person_key(dose.recipient, state=dose.evidence.state, answer=answer)
        day = days.local_day(dose.given_at)
        product = products.get(dose.product)
        verdict = (
            (_refused(refusal) if refusal else None)
            or _own_finding(dose, manifest, background, replaced=replaced, day=day)
            or _identity_finding(dose, answer)
            or _product_finding(dose, product, day=day)
        )
        if verdict is None and product is not None:
            given = EarlierDose(product.code, product.disease, dose.dose_number, day)
            others = [other for other in history[person] if other.disease == product.disease]
            code = _series_finding(
                given, others, products, policy_days=background.catalogue.policy.booster_interval_days
            )
            if code is None and background.doubt is None and dose.sequence not in superseded:
                history[person].append(given)
            verdict = _waiting(code or background.doubt)
        assert verdict is not None
        if dose.replaces is not None and verdict.state is not VerdictState.REFUSED:
            replaced.add(dose.replaces)
        judged.append(JudgedDose(dose, verdict, person, day, product.disease if product else ""))
    return judged


def refusals(doses: Sequence[Dose], manifest: Manifest, *, held: frozenset[int]) -> list[Code | None]:
    """Why the centre cannot keep doses at all, in their order; None for those that it keeps.

    Args:
        doses: of one batch.
        manifest: says whose facility and node they must be of; with a delegated signer, the site's.
        held: sequences of the doses' node that the centre has already.
    """
    # SPEC 8 (15): the dose was given at this site and recorded by this node, and comes for the first time.
    met = set(held)
    found: list[Code | None] = []
    for dose in doses:
        if dose.facility != manifest.dose_facility or dose.node != manifest.dose_node:
            found.append(Code.DOSE_FACILITY)
        elif dose.sequence in met:
            found.append(Code.DOSE_REPEATED)
        else:
            met.add(dose.sequence)
            found.append(None)
    return found


def replaced_by(doses: Sequence[Dose], refused: Sequence[Code | None]) -> frozenset[int]:
    """The sequences that doses replace.

    A refused dose is not kept, so it replaces nothing: else whoever signs could make the centre forget a dose and have
    it admit the same one a second time.

    Args:
        doses: of one batch.
        refused: of the same doses, from :func:`refusals`.
    """
    return frozenset(
        dose.replaces
        for dose, refusal in zip(doses, refused, strict=True)
        if refusal is None and dose.replaces is not None
    )


def _waiting(code: Code | None) -> Verdict:
    return ADMITTED if code is None else Verdict(VerdictState.QUARANTINED, code)


def _refused(code: Code) -> Verdict:
    return Verdict(VerdictState.REFUSED, code)


def _own_finding(
    dose: Dose, manifest: Manifest, background: Background, *, replaced: set[int], day: str
) -> Verdict | None:
    # SPEC 8 (15), the rest: a version replaces an older one of the same node, and an older one has one successor.
    if dose.replaces is not None and (dose.replaces >= dose.sequence or dose.replaces in replaced):
        return _waiting(Code.DOSE_VERSION)
    # The day of each dose lies in the batch's range and not ahead of the centre's own clock.
    ahead = dose.given_at > background.arrived_at + limits.CLOCK_AHEAD_SECONDS
    if ahead or not manifest.first_day <= day <= manifest.last_day:
        return _waiting(Code.DOSE_DAY)
    # 1908/BYT-CNTT: since the start of signing a late entry needs its reason. A late signature shows by the purpose.
    policy = background.catalogue.policy
    recorded_late = policy.signing_start <= day < days.local_day(dose.recorded_at)
    if recorded_late and policy.same_day and not dose.late_reason:
        return _waiting(Code.DOSE_DAY)
    return None


def _identity_finding(dose: Dose, answer: RegistryAnswer) -> Verdict | None:
    # SPEC 8 (16): what the site signed about the identity is asked again.
    state = dose.evidence.state
    if state in _UNCONFIRMED:
        return _waiting(_UNCONFIRMED[state])
    if state is IdentityState.VOUCHED:
        # The site vouches for foreigners with a passport, whom the population database does not know.
        person = dose.recipient
        is_foreign = person.paper is PaperKind.PASSPORT and person.nationality != HOME_COUNTRY
        return None if is_foreign else _waiting(Code.IDENTITY_EVIDENCE)
    return None if answer.is_match else _waiting(Code.IDENTITY_EVIDENCE)


def _product_finding(dose: Dose, product: Product | None, *, day: str) -> Verdict | None:
    # SPEC 8 (17): the product is in the catalogue, where its holder stands in the same row.
    if product is None:
        return _waiting(Code.PRODUCT_UNKNOWN)
    if dose.lot_expiry and day > dose.lot_expiry:
        return _waiting(Code.LOT_EXPIRED)
    return None


def _series_finding(
    given: EarlierDose, others: Sequence[EarlierDose], products: Mapping[str, Product], *, policy_days: int
) -> Code | None:
    # SPEC 8 (18) and (19): duplicates, order and interval over all sites. Sites arrive in any order, so a dose is
    # compared with those given before it and with those given after it.
    for other in others:
        if other.day == given.day:
            return Code.DOSE_DUPLICATE
    for other in others:
        if (other.day < given.day) != (other.dose_number < given.dose_number) or other.dose_number == given.dose_number:
            return Code.DOSE_ORDER
    for other in others:
        later = given if other.day < given.day else other
        if _days_between(given.day, other.day) < _least_days(later, products, policy_days=policy_days):
            return Code.DOSE_INTERVAL
    return None


def _least_days(later: EarlierDose, products: Mapping[str, Product], *, policy_days: int) -> int:
    product = products.get(later.product)
    if product is None:
        return 0
    return product.minimum_interval_days if later.dose_number <= product.series else policy_days


def _days_between(one: str, other: str) -> int:
    return abs((date.fromisoformat(one) - date.fromisoformat(other)).days)
