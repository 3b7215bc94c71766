"""Arbitrary legal doses for property tests: likely values and hostile ones mixed, as in a real day."""

from __future__ import annotations

import datetime
import unicodedata
from typing import Final

from hypothesis import strategies as st

from sync_protocol import limits
from sync_protocol.dose import Dose, EvidenceSource, IdentityEvidence, IdentityState, PaperKind, Recipient, Sex
from sync_protocol.errors import ProtocolError
from sync_protocol.fields import check_text

_LETTERS: Final = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])


def _is_legal(text: str) -> bool:
    try:
        check_text(text, what="text")
    except ProtocolError:
        return False
    return True


def texts(max_size: int, *, min_size: int = 0) -> st.SearchStrategy[str]:
    """Any text that a field may hold, every script, up to so many characters."""
    return (
        st.text(_LETTERS, min_size=min_size, max_size=max_size)
        .map(lambda text: unicodedata.normalize("NFC", text)[:max_size])
        .filter(lambda text: len(text) >= min_size and _is_legal(text))
    )


def digits(size: int) -> st.SearchStrategy[str]:
    """ASCII digits, and now and then digits of other scripts."""
    ascii_digits = st.text("0123456789", min_size=size, max_size=size)
    return ascii_digits | st.text("012\u0663\uff11", min_size=size, max_size=size)


_days = st.dates(datetime.date(1800, 1, 1), datetime.date(2199, 12, 31)).map(datetime.date.isoformat)
_codes = st.text("ABCXYZ0189", min_size=2, max_size=12) | st.just("19001A")
_instants = st.integers(1_640_000_000, 1_660_000_000) | st.integers(0, limits.INSTANT)
_names = (
    st.sampled_from(["Nguyễn Văn Hùng", "Trần Thị Ánh", "H'Hen Niê", "Lò", "A  B", " A ", "Ơn Ơ Ớ Ở Ỡ Ợ Đ Ð Ɖ W X Y Z"])
    | st.lists(st.sampled_from(["Lê", "Thị", "Hoa", "Ðức", "Y", ""]), min_size=1, max_size=12).map(" ".join)
    | texts(20, min_size=1)
).filter(bool)


@st.composite
def recipients(draw: st.DrawFn) -> Recipient:
    """Anybody."""
    name = draw(_names)
    sex = draw(st.sampled_from(Sex))
    birth_date = draw(_days | st.integers(1800, 2199).map(str))
    year = int(birth_date[:4])
    predicted = f"{draw(st.integers(0, 999)):03d}{abs(year // 100 - 19) * 2 % 10 + (sex is Sex.F)}{year % 100:02d}"
    return Recipient(
        name=name,
        family_name=draw(st.none() | st.just(name.split(" ")[0]).filter(bool) | texts(8, min_size=1)),
        sex=sex,
        birth_date=birth_date,
        paper=draw(st.sampled_from(PaperKind)),
        number=draw(st.just("") | digits(6).map(lambda six: predicted + six) | digits(12) | digits(9) | texts(14)),
        nationality=draw(st.sampled_from(["VN", "LA", "KR"])),
        phone=draw(st.just("") | digits(7).map(lambda seven: "096" + seven) | texts(12)),
        address_unit=draw(st.just("") | digits(5) | texts(6)),
        guardian=draw(st.just("") | _names),
        group=draw(st.integers(0, 99)),
    )


@st.composite
def doses(draw: st.DrawFn, recipient: Recipient) -> Dose:
    """Any dose of this person that may be recorded, right or wrong."""
    given_at = draw(_instants)
    return Dose(
        node=draw(_codes),
        sequence=draw(st.integers(1, 999_999_999)),
        recipient=recipient,
        product=draw(st.sampled_from(["AZ", "PF"]) | texts(6, min_size=1)),
        lot=draw(st.sampled_from(["", "FD12345"]) | texts(8)),
        lot_expiry=draw(st.just("") | _days),
        dose_number=draw(st.integers(1, 99)),
        dose_total=draw(st.integers(1, 99)),
        given_at=given_at,
        recorded_at=draw(st.just(given_at) | _instants),
        vaccinator=draw(st.just("") | _names),
        station=draw(st.just("") | texts(8)),
        reaction=draw(st.just("") | texts(30)),
        recorded_by=draw(st.just("") | _names),
        late_reason=draw(st.just("") | texts(30)),
        evidence=IdentityEvidence(
            state=draw(st.sampled_from(IdentityState)),
            source=draw(st.sampled_from(EvidenceSource)),
            reference=draw(st.sampled_from(["", "pack-3"]) | texts(8)),
            checked_at=draw(st.just(given_at) | _instants),
        ),
        replaces=draw(st.none() | st.integers(1, 999_999_999)),
        replace_reason=draw(st.just("") | texts(30)),
        facility=draw(_codes | st.just("19001")),
    )


@st.composite
def dose_lists(draw: st.DrawFn, *, max_size: int = 12) -> list[Dose]:
    """Doses in any order, several of one person among them."""
    people = draw(st.lists(recipients(), min_size=1, max_size=max_size))
    who = draw(st.lists(st.sampled_from(people), max_size=max_size))
    return [draw(doses(person)) for person in who]
