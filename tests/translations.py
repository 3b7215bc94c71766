"""Keeps the English catalog in step with the pages: `python -m tests.translations` rewrites it; a test compares.

Texts are found where they are written: marked ones in the templates and modules of the pages, and the tables of words
that the pages say by `say`. Translations that exist are kept; what nobody says any more is dropped. `--missing` prints
the untranslated ones as JSON, and `--merge FILE` takes translations from JSON of the same form.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from edge.web.frame.language import CATALOGS

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = ROOT / "edge" / "web"
ENGLISH: Final = CATALOGS / "en" / "LC_MESSAGES" / "messages.po"
# Modules whose constants are words for the screen, apart from those of the pages.
TABLES: Final = (
    *sorted((ROOT / "edge" / "domain").glob("*.py")),
    ROOT / "edge" / "store" / "errors.py",
    ROOT / "sync_protocol" / "problems.py",
    ROOT / "sync_protocol" / "stick_errors.py",
    ROOT / "sync_protocol" / "signers" / "token_words.py",
)
# Words that lists and cards are read by, or that are written into files for the authorities; no page says them.
NOT_SAID: Final = frozenset({"day_list.py", "day_list_cells.py", "day_list_row.py", "identity_papers.py"})
VIETNAMESE: Final = re.compile("[À-ÖØ-öø-ɏẠ-ỹ]")
# A pattern by which texts are read is no text.
_PATTERN: Final = "(?P<"
_PLACE: Final = re.compile(r"%\((\w+)\)[sd]")

Message = str | tuple[str, str]


def messages() -> dict[Message, set[str]]:
    """Every text that a page may say, with the files that say it; a pair is singular and plural."""
    found: dict[Message, set[str]] = {}
    for name, _line, text, _comments, _context in extract_from_dir(
        str(PAGES), method_map=[("templates/**.html", "jinja2")], keywords=DEFAULT_KEYWORDS, options_map={}
    ):
        key = (str(text[0]), str(text[1])) if isinstance(text, tuple | list) else str(text)
        found.setdefault(key, set()).add(f"edge/web/{name}")
    modules = sorted(PAGES.rglob("*.py"))
    for path in modules:
        for message in marked(path.read_text(encoding="utf-8")):
            found.setdefault(message, set()).add(str(path.relative_to(ROOT)))
    for path in (*TABLES, *modules):
        if path.name not in NOT_SAID:
            for constant in constants(path.read_text(encoding="utf-8")):
                found.setdefault(constant, set()).add(str(path.relative_to(ROOT)))
    return found


def marked(code: str) -> Iterator[Message]:
    """The texts of a module that stand in `_(…)` and `plural(…, …)`, within f-strings as well."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "plural"}:
            texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if node.func.id == "plural":
                yield texts[0], texts[1]
            else:
                yield texts[0]


def constants(code: str) -> Iterator[str]:
    """The Vietnamese texts in the tables of a module: constants of its assignments, not of its functions."""
    for node in ast.parse(code).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for part in ast.walk(node.value):
                text = part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else ""
                if VIETNAMESE.search(text) and _PATTERN not in text:
                    yield text


def places(text: str) -> list[str]:
    """The placeholders of a text, sorted."""
    return sorted(_PLACE.findall(text))


def kept() -> Catalog:
    """The catalog as it is in the repository; an empty one while there is none."""
    if not ENGLISH.is_file():
        return Catalog(locale="en")
    with ENGLISH.open("rb") as file:
        return read_po(file, locale="en")


def written(old: Catalog) -> bytes:
    """The catalog of the texts that are said now, with the translations of `old`."""
    new = Catalog(locale="en", project="hcvx", version="1", fuzzy=False, header_comment=_HEADER)
    new.creation_date = new.revision_date = old.creation_date
    for key in sorted(messages(), key=lambda one: one if isinstance(one, str) else one[0]):
        before = old.get(key if isinstance(key, str) else key[0])
        translated = before.string if before is not None and isinstance(before.id, type(key)) else None
        new.add(key, translated or (("", "") if isinstance(key, tuple) else ""), locations=[])
    out = BytesIO()
    write_po(out, new, width=120, omit_header=False, sort_output=False, no_location=True)
    # Dates and the generator's name would change the file without changing what it says.
    lines = [line for line in out.getvalue().splitlines() if not re.match(rb'"(POT?-|Generated-By|Last-Tr|Rep)', line)]
    return b"\n".join(lines) + b"\n"


def untranslated(catalog: Catalog) -> list[Message]:
    """What has no English yet."""
    return [
        (str(one.id[0]), str(one.id[1])) if isinstance(one.id, tuple | list) else str(one.id)
        for one in catalog
        if one.id and not all(one.string if isinstance(one.string, tuple | list) else [one.string])
    ]


def merge(old: Catalog, pairs: list[list[str]]) -> None:
    """Take translations: [text, English] or [singular, plural, English singular, English plural]."""
    for pair in pairs:
        # A message that is there already would keep its old translation.
        old.delete(pair[0])
        if len(pair) == 2:
            old.add(pair[0], pair[1])
        else:
            old.add((pair[0], pair[1]), (pair[2], pair[3]))


_HEADER: Final = "# English texts of the site's pages; written by `python -m tests.translations`."

if __name__ == "__main__":
    catalog = kept()
    if "--merge" in sys.argv:
        merge(catalog, json.loads(Path(sys.argv[sys.argv.index("--merge") + 1]).read_text(encoding="utf-8")))
    ENGLISH.parent.mkdir(parents=True, exist_ok=True)
    ENGLISH.write_bytes(written(catalog))
    missing = untranslated(kept())
    if "--missing" in sys.argv:
        print(json.dumps(missing, ensure_ascii=False, indent=0))
    print(f"{len(missing)} of {len(messages())} texts have no English yet", file=sys.stderr)
