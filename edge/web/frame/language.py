"""Vietnamese first, English second: which of the two a page is in, and what it says in either.

The texts in code and templates are the Vietnamese ones; `translations/en/LC_MESSAGES/messages.po` gives the English
for each. It is read as it stands, so that there is nothing to build. Outside of a request everything is Vietnamese.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, get_locale  # type: ignore[import-untyped]

from edge.web.frame.access import signed_in_user

VIETNAMESE: Final = "vi"
LANGUAGES: Final = (VIETNAMESE, "en")
# Where a browser keeps its language while nobody has signed in: a word of `LANGUAGES`.
COOKIE: Final = "language"
CATALOGS: Final = Path(__file__).parents[1] / "translations"


def install(app: Flask) -> None:
    """Choose the language of each request, and give the templates `_`, `gettext` and `ngettext`."""
    Babel(
        app,
        configure_jinja=False,
        default_locale=VIETNAMESE,
        default_timezone="Asia/Ho_Chi_Minh",
        locale_selector=_wanted,
    )
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: _texts().gettext(text),
        lambda one, many, number: _texts().ngettext(one, many, number),
        newstyle=True,
    )
    app.jinja_env.filters["say"] = say
    app.jinja_env.globals["language"] = language


def _(text: str, **values: object) -> str:
    """The text in the language of this request, with `%(name)s` filled in; a percent sign is written `%%`."""
    return _texts().gettext(text) % values


def plural(one: str, many: str, number: int, **values: object) -> str:
    """As `_`, for a text about `number` things, which stands in it as `%(num)s`."""
    return _texts().ngettext(one, many, number) % {"num": number, **values}


def say(text: str) -> str:
    """A text of a table of words (a code's sentence, a cure, a role) in the language of this request."""
    return _texts().gettext(text) if text else ""


def language() -> str:
    """The language of this request, a word of `LANGUAGES`."""
    return str(get_locale()) if has_request_context() else VIETNAMESE


def _texts() -> NullTranslations:
    if not has_request_context():
        return _catalog(VIETNAMESE)
    # A page says some hundred texts; which language it is in does not change between them.
    if "texts" not in g:
        g.texts = _catalog(language())
    found: NullTranslations = g.texts
    return found


@cache
def _catalog(name: str) -> NullTranslations:
    path = CATALOGS / name / "LC_MESSAGES" / "messages.po"
    if name == VIETNAMESE or not path.is_file():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=name))
    compiled.seek(0)
    return Translations(compiled)


def _wanted() -> str:
    user = signed_in_user()
    asked = request.cookies.get(COOKIE, VIETNAMESE) if user is None else user.language
    return asked if asked in LANGUAGES else VIETNAMESE
