"""The rules of one dose: may it be recorded, and what should a person look at first?

Blocking is what cannot be true or would double a fact. Everything that may have happened in a real injection room (too
early, mixed products, too young) is a warning: the dose was given and has to be on record, but a person confirms that
it is so. The site knows only its own history, so a missing first dose means nothing; the centre asks over all sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from edge.domain.refusals import EdgeCode, Finding
from sync_protocol.catalogue import Catalogue, Product
from sync_protocol.days import local_day
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.limits import CLOCK_AHEAD_SECONDS


@dataclass(frozen=True, slots=True)
class GivenDose:
    """A dose that the person is known to have: catalogue code, place in the series, local day "YYYY-MM-DD"."""

    product: str
    dose_number: int
    given_day: str


@dataclass(frozen=True, slots=True)
class DoseFacts:
    """What was given, as recorded.

    Attributes:
        product: code in the catalogue.
        lot, lot_expiry: the manufacturer's lot; "YYYY-MM-DD" or "".
        dose_number, dose_total: place in the series, length of the series.
        given_at: epoch seconds UTC.
        vaccinator, station, reaction: texts, "" where unknown.
        late_reason: why it is recorded after the day it was given, or "".
    """

    product: str
    lot: str
    lot_expiry: str
    dose_number: int
    dose_total: int
    given_at: int
    vaccinator: str = ""
    station: str = ""
    reaction: str = ""
    late_reason: str = ""


def judge(
    dose: DoseFacts,
    history: Sequence[GivenDose],
    *,
    birth_date: str,
    catalogue: Catalogue,
    now: int,
    is_clock_doubtful: bool = False,
) -> tuple[Finding, ...]:
    """Return what the rules find, blocking findings first.

    Args:
        dose: what is to be recorded.
        history: the person's other doses, newest versions only; without the one that is being corrected.
        birth_date: "YYYY-MM-DD" or "YYYY".
        catalogue: products and their intervals.
        now: epoch seconds UTC.
        is_clock_doubtful: whether `now` may be wrong: a dose of a later time is confirmed then, not refused.
    """
    findings: list[Finding] = []
    try:
        product = catalogue.product(dose.product)
    except ProtocolError as error:
        findings.append(Finding(error.code, True, "product"))
    else:
        findings += _of_product(dose, product, history, catalogue=catalogue)
        findings += _of_age(dose, product, birth_date)
    findings += _of_time(dose, now, is_clock_doubtful=is_clock_doubtful)
    findings += _of_order(dose, history)
    if dose.dose_total < dose.dose_number:
        findings.append(Finding(EdgeCode.DOSE_TOTAL, True, "dose_total"))
    return tuple(sorted(findings, key=lambda finding: not finding.blocking))


def propose_dose_number(history: Sequence[GivenDose]) -> int:
    """Return the number that comes next in the person's own history at this site."""
    return max((given.dose_number for given in history), default=0) + 1


def propose_dose_total(product: Product, dose_number: int) -> int:
    """Return the length of the series: that of the product, or the number itself for a booster (3/3, 4/4)."""
    return max(product.series, dose_number)


def _of_product(
    dose: DoseFacts, product: Product, history: Sequence[GivenDose], *, catalogue: Catalogue
) -> list[Finding]:
    findings: list[Finding] = []
    day = local_day(dose.given_at)
    before = [given for given in history if given.given_day < day]
    if not dose.lot_expiry:
        findings.append(Finding(EdgeCode.LOT_EXPIRY_UNKNOWN, False, "lot_expiry"))
    elif dose.lot_expiry < day:
        findings.append(Finding(Code.LOT_EXPIRED, True, "lot_expiry", dose.lot_expiry))
    if dose.dose_number <= product.series and any(given.product != product.code for given in before):
        findings.append(Finding(Code.PRODUCT_MIXED, False, "product"))
    wanted = (
        product.minimum_interval_days if dose.dose_number <= product.series else catalogue.policy.booster_interval_days
    )
    if before:
        waited = _days_between(max(given.given_day for given in before), day)
        if waited < wanted:
            findings.append(Finding(Code.DOSE_INTERVAL, False, "given_at", f"{waited} < {wanted}"))
    return findings


def _of_age(dose: DoseFacts, product: Product, birth_date: str) -> list[Finding]:
    day = local_day(dose.given_at)
    # With a year alone the comparison is by year: "2022" sorts before every day of 2022.
    if day < birth_date:
        return [Finding(EdgeCode.GIVEN_BEFORE_BIRTH, True, "given_at")]
    if _age_on(birth_date, day) < product.minimum_age_years:
        return [Finding(EdgeCode.AGE_BELOW, False, "birth_date", f"< {product.minimum_age_years}")]
    return []


def _of_time(dose: DoseFacts, now: int, *, is_clock_doubtful: bool) -> list[Finding]:
    findings: list[Finding] = []
    day = local_day(dose.given_at)
    if dose.given_at > now + CLOCK_AHEAD_SECONDS:
        findings.append(Finding(EdgeCode.GIVEN_FUTURE, not is_clock_doubtful, "given_at"))
    if day < local_day(now) and not dose.late_reason:
        findings.append(Finding(EdgeCode.LATE_REASON, False, "late_reason"))
    return findings


def _of_order(dose: DoseFacts, history: Sequence[GivenDose]) -> list[Finding]:
    day = local_day(dose.given_at)
    if any(given.given_day == day for given in history):
        return [Finding(Code.DOSE_DUPLICATE, True, "given_at")]
    repeated = any(given.dose_number == dose.dose_number for given in history)
    # A smaller number given later, or a larger one given earlier, cannot both be true with this one.
    crossed = any((given.dose_number < dose.dose_number) != (given.given_day < day) for given in history)
    if repeated or crossed:
        return [Finding(Code.DOSE_ORDER, True, "dose_number", str(propose_dose_number(history)))]
    before = [given.dose_number for given in history if given.given_day < day]
    if before and dose.dose_number > max(before) + 1:
        # One in between may have been given elsewhere.
        return [Finding(Code.DOSE_ORDER, False, "dose_number", str(max(before) + 1))]
    return []


def _days_between(earlier: str, later: str) -> int:
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days


def _age_on(birth_date: str, day: str) -> int:
    """Full years; with a year of birth alone the most that the person can be."""
    years = int(day[:4]) - int(birth_date[:4])
    return years - (len(birth_date) > 4 and day[5:] < birth_date[5:])
