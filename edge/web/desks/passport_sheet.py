"""A passport as it is printed at the site: the fields of Decision 5772/QĐ-BYT and a QR for each dose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.store.people import PersonId
from edge.web.frame.language import _
from edge.web.frame.qr_svg import QrPicture, draw_hc1
from edge.web.frame.sentences import Sentence, reason_words
from edge.workflow.show_certificates import CertificateStanding, ShownCertificate
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day
from sync_protocol.health_content import HealthContent, Vaccination
from sync_protocol.value_set_names import DISEASES, HOLDERS, NATIONALITIES, PROPHYLAXES


@dataclass(frozen=True, slots=True, repr=False)
class SheetDose:
    """One certified dose on the sheet: what the certificate says, in words, and its QR.

    Attributes:
        lot: from the record; the QR has no room for it.
        valid_until: local day "YYYY-MM-DD".
    """

    entry: Vaccination
    prophylaxis: str
    product: str
    holder: str
    lot: str
    issued_day: str
    valid_until: str
    picture: QrPicture


@dataclass(frozen=True, slots=True, repr=False)
class Sheet:
    """One person's passport, as far as this site has it.

    Attributes:
        name, birth_date: as the newest certificate has them, which is what its QR says.
        nationality: from the record.
        doses: the newest first, never empty.
    """

    person_id: PersonId
    name: str
    birth_date: str
    nationality: str
    disease: str
    doses: tuple[SheetDose, ...]


def make_sheet(person_id: PersonId, shown: Iterable[ShownCertificate], catalogue: Catalogue) -> Sheet | None:
    """The sheet of a person's valid certificates; None where there is none."""
    valid = sorted(
        (one for one in shown if one.standing is CertificateStanding.VALID),
        key=lambda one: (one.dose.given_at, one.dose.dose_number),
        reverse=True,
    )
    if not valid:
        return None
    newest = valid[0]
    assert newest.verified is not None
    content, nationality = newest.verified.content, newest.dose.recipient.nationality
    return Sheet(
        person_id,
        name=certified_name(content),
        birth_date=content.birth_date,
        nationality=NATIONALITIES.get(nationality, nationality),
        disease=DISEASES.get(newest.entry.tg, newest.entry.tg),
        doses=tuple(_sheet_dose(one, catalogue) for one in valid),
    )


def certified_name(content: HealthContent) -> str:
    """The name as the certificate displays it, family name first, as Vietnamese names are written."""
    parts: Sequence[str] = (content.name.fn or content.name.fnt, content.name.gn or content.name.gnt)
    return " ".join(part for part in parts if part)


def standing_sentence(shown: ShownCertificate) -> Sentence:
    """What is to be said of one certificate."""
    match shown.standing:
        case CertificateStanding.VALID:
            return Sentence("good", _("Hợp lệ"), _("Đã kiểm tra chữ ký; in được."))
        case CertificateStanding.REVOKED:
            text = _("Trung tâm đã thu hồi chứng nhận này. Không in; bản đã đưa không còn giá trị.")
            return Sentence("danger", _("Đã thu hồi"), text)
        case CertificateStanding.EXPIRED:
            text = _("Trung tâm sẽ cấp mã mới; đồng bộ để nhận.")
            return Sentence("warning", _("Hết hạn"), text)
        case CertificateStanding.UNPROVEN:
            said = reason_words(shown.code)
            return Sentence("warning", _("Chưa kiểm tra được"), f"{said.vi}. {_('Đồng bộ rồi mở lại trang này.')}")


def _sheet_dose(one: ShownCertificate, catalogue: Catalogue) -> SheetDose:
    assert one.verified is not None
    entry = one.entry
    names = {product.mp: product.name for product in catalogue.products}
    return SheetDose(
        entry=entry,
        prophylaxis=PROPHYLAXES.get(entry.vp, entry.vp),
        product=names.get(entry.mp, entry.mp),
        holder=HOLDERS.get(entry.ma, entry.ma),
        lot=one.dose.lot,
        issued_day=local_day(one.verified.issued_at),
        valid_until=local_day(one.verified.expires_at),
        picture=draw_hc1(one.stored.hc1),
    )
