"""The page of one passport, for the screen, for an A4 sheet and for a card."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, abort, render_template, request

from central.bootstrap import Centre
from central.domain.day_run import ISSUER
from central.web.here import serve_here_only
from central.web.qr_svg import draw_qr
from central.web.words import add_words
from central.workflow.show_passport import PassportDose, show_passport
from sync_protocol.value_set_names import DISEASES, HOLDERS, NATIONALITIES, PROPHYLAXES

_FORMS: Final = ("sheet", "card")


def passports_blueprint(centre: Centre) -> Blueprint:
    """The passport pages upon one centre."""
    pages = Blueprint("passports", __name__)
    serve_here_only(pages)
    add_words(pages)

    @pages.get("/passports/<name>")
    def show(name: str) -> str:
        form = request.args.get("form", _FORMS[0])
        if form not in _FORMS:
            abort(400)
        passport = show_passport(centre.engine, name)
        if passport is None:
            abort(404)
        return render_template(
            f"passport_{form}.html",
            passport=passport,
            doses=[(dose, _fields(dose), draw_qr(dose.row.hc1)) for dose in passport.doses],
            nationality=NATIONALITIES.get(passport.nationality, passport.nationality),
            issuer=ISSUER,
            is_demo=centre.config.is_demo,
        )

    return pages


def _fields(dose: PassportDose) -> dict[str, str]:
    """The fields of a dose that come from the catalogue, in the words of the value sets."""
    product = dose.product
    if product is None:
        return {"disease": "", "prophylaxis": "", "product": dose.row.product, "holder": ""}
    return {
        "disease": DISEASES.get(product.disease, product.disease),
        "prophylaxis": PROPHYLAXES.get(product.vp, product.vp),
        "product": product.name,
        "holder": HOLDERS.get(product.ma, product.ma),
    }
