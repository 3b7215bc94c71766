"""The documents say what the code does: commands, settings, codes, links, paths and the README's own lines."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

import central.cli
import central.config
import edge.cli
import edge.config
import sync_protocol.__main__
from edge.domain.dose_form import FIELDS
from edge.domain.pass_journal import PassCode
from edge.domain.refusals import EdgeCode
from edge.domain.token_checks import CheckCode
from edge.domain.waiting import Waiting
from edge.store.errors import StoreCode
from sync_protocol import limits
from sync_protocol.errors import Code
from sync_protocol.signers.token_errors import TokenCode
from sync_protocol.stick_errors import StickCode
from tests import problem_document, spec_document

_ROOT = Path(__file__).parent.parent
_DOCS = _ROOT / "docs"
_PAGES = sorted([*_ROOT.glob("*.md"), *_DOCS.rglob("*.md"), spec_document.SPEC])
_COMMANDS = (_DOCS / "commands.md").read_text("utf-8")
_SETTINGS = (_DOCS / "settings.md").read_text("utf-8")
_PROBLEMS = problem_document.DOCUMENT.read_text("utf-8")
_SPEC = spec_document.SPEC.read_text("utf-8")
_README = (_ROOT / "README.md").read_text("utf-8")
_FOLDERS = ("sync_protocol", "edge", "central", "tests", "bench", "docs", "requirements", ".ci")
_TEXTS = {".py", ".md", ".toml", ".txt", ".in", ".sh", ".html", ".css", ".js", ""}
_FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_GROUPS: Mapping[str, click.Group] = {"hcvx-edge": edge.cli.main, "hcvx-central": central.cli.main}


def _verbs() -> dict[str, click.Command]:
    """Every command by the words that call it."""
    found = {f"{program} {verb}": command for program, group in _GROUPS.items() for verb, command in _sorted(group)}
    return {**found, "hcvx-verify hcvx-verify": sync_protocol.__main__.main}


def _sorted(group: click.Group) -> list[tuple[str, click.Command]]:
    """The verbs of a group; those of a group within it after its name."""
    found: list[tuple[str, click.Command]] = []
    for verb, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            found += [(f"{verb} {inner}", one) for inner, one in _sorted(command)]
        else:
            found.append((verb, command))
    return found


def _sections(text: str) -> dict[str, str]:
    """Parts of a document by their third-level heading; program and verb."""
    found = {}
    program = ""
    for part in re.split(r"^(?=##+ )", text, flags=re.MULTILINE):
        heading, _, body = part.partition("\n")
        if heading.startswith("## "):
            program = heading.removeprefix("## ")
        elif heading.startswith("### "):
            verb = heading.removeprefix("### ").removeprefix(f"{program} ")
            found[f"{program} {verb}"] = body
    return found


def _cells(text: str) -> Iterator[list[str]]:
    """The rows of all tables of a text; a cell may hold an escaped bar."""
    for line in text.splitlines():
        if line.startswith("|") and not set(line) <= set("|- :"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def _parameters(command: click.Command) -> set[str]:
    found: set[str] = set()
    for parameter in command.params:
        options = isinstance(parameter, click.Option)
        found |= {*parameter.opts, *parameter.secondary_opts} if options else {parameter.human_readable_name}
    return found


def _command_faults(text: str) -> list[str]:
    """Where a document of commands and the programs differ."""
    sections, verbs = _sections(text), _verbs()
    faults = [f"{name}: not in the document" for name in verbs.keys() - sections.keys()]
    faults += [f"{name}: not in the programs" for name in sections.keys() - verbs.keys()]
    for name in verbs.keys() & sections.keys():
        told = {cells[0].strip("`") for cells in _cells(sections[name]) if cells[0].startswith("`")}
        wanted = _parameters(verbs[name])
        faults += [f"{name} {one}: not in the document" for one in wanted - told]
        faults += [f"{name} {one}: not in the program" for one in told - wanted]
    return faults


def test_every_command_and_option_is_told_and_none_that_the_programs_do_not_have() -> None:
    assert _command_faults(_COMMANDS) == []
    for group in _GROUPS.values():
        assert _parameters(group) == {"--directory"}
    assert "| `--directory` |" in _COMMANDS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| `--late-reason` | why doses of earlier days come", "| why doses of earlier days come"),
        ("| `--apply` |", "| `--aply` |"),
        ("### hcvx-central check", "### hcvx-central verify"),
    ],
)
def test_a_document_that_lies_about_commands_is_found(old: str, new: str) -> None:
    assert old in _COMMANDS
    assert _command_faults(_COMMANDS.replace(old, new))


@pytest.mark.parametrize("name", sorted(_verbs()))
def test_a_command_has_an_example_that_parses_and_says_what_the_second_time_does(name: str) -> None:
    section, command = _sections(_COMMANDS)[name], _verbs()[name]
    assert "**Again:**" in section
    program, *path = name.split()
    words = shlex.split(_FENCE.findall(section)[0])
    assert words.pop(0) == program
    if program in _GROUPS:
        group: click.Command = _GROUPS[program]
        for step in path:
            assert isinstance(group, click.Group)
            _, words, _ = group.make_parser(click.Context(group)).parse_args(words)
            assert words.pop(0) == step
            group = group.commands[step]
    given, _, _ = command.make_parser(click.Context(command)).parse_args(words)
    for parameter in command.params:
        # An argument or option that has to be there is there, in every example.
        assert not parameter.required or given.get(parameter.name or "")
        if isinstance(parameter.type, click.Choice):
            assert all(f"`{choice}`" in section for choice in parameter.type.choices)


def test_the_fields_of_a_dose_and_the_exit_codes_are_told() -> None:
    section = _sections(_COMMANDS)["hcvx-edge record"]
    assert [field for field in (*FIELDS, "submission") if f"`{field}`" not in section] == []
    assert [cells[0] for cells in _cells(_COMMANDS) if cells[0].isdigit()] == ["0", "1", "2", "3"]


def _edge_rows(text: str) -> dict[str, list[str]]:
    part = text.partition("## `node.toml`")[2].partition("\n## ")[0]
    return {cells[0].strip("`"): cells[1:] for cells in _cells(part) if cells[0].startswith("`")}


def _central_rows(text: str) -> dict[tuple[str, str], list[str]]:
    part = text.partition("## `centre.toml`")[2].partition("\n## ")[0]
    rows = (cells for cells in _cells(part) if cells[0].startswith("`["))
    return {(cells[0].strip("`[]"), cells[1].strip("`")): cells[2:] for cells in rows}


def _shown(value: object) -> str:
    return "empty" if value == "" else f"`{value}`"


def test_every_setting_is_told_with_its_default() -> None:
    defaults = edge.config.Config(Path())
    assert {name: cells[0] for name, cells in _edge_rows(_SETTINGS).items()} == {
        name: _shown(getattr(defaults, name)) for name in edge.config.SETTINGS
    }
    assert {name: cells[0] for name, cells in _central_rows(_SETTINGS).items()} == {
        name: _shown(default) for name, (_, default) in central.config.SETTINGS.items()
    }


def _bounds(cells: list[str]) -> tuple[int, int] | None:
    found = re.match(r"(\d+)–(\d+)", cells[1])
    return (int(found[1]), int(found[2])) if found else None


def test_the_ranges_told_are_those_that_are_taken(tmp_path: Path) -> None:
    (tmp_path / central.config.CONFIG_FILE).write_text("")
    counted = 0
    edge_rows = {f"HCVX_EDGE_{name}".upper(): cells for name, cells in _edge_rows(_SETTINGS).items()}
    central_rows = {
        f"HCVX_CENTRAL_{section}_{name}".upper(): cells for (section, name), cells in _central_rows(_SETTINGS).items()
    }
    for variable, cells in {**edge_rows, **central_rows}.items():
        if (bounds := _bounds(cells)) is None:
            continue
        counted += 1
        low, high = bounds
        assert [_is_taken(tmp_path, variable, number) for number in (low - 1, low, high, high + 1)] == [
            False,
            True,
            True,
            False,
        ], variable
    assert counted == 5 + 5


def _is_taken(directory: Path, variable: str, number: int) -> bool:
    try:
        if variable.startswith("HCVX_EDGE_"):
            edge.config.read_config(directory, {variable: str(number)})
        else:
            central.config.load_config(directory, {variable: str(number)})
    except (edge.config.ConfigError, central.config.ConfigError):
        return False
    return True


def test_every_environment_variable_is_told() -> None:
    sources = [path for name in ("sync_protocol", "edge", "central") for path in (_ROOT / name).rglob("*.py")]
    sources += [_ROOT / "Makefile", _ROOT / "tests" / "testdata.py", _ROOT / "tests" / "conftest.py"]
    read = {name for path in sources for name in re.findall(r"\bHCVX_[A-Z0-9_]*[A-Z0-9]\b", path.read_text("utf-8"))}
    # The template of `node.toml` and the text beside the centre's name two settings and a pattern as examples.
    settings = {f"HCVX_EDGE_{name}".upper() for name in edge.config.SETTINGS}
    settings |= {f"HCVX_CENTRAL_{section}_{name}".upper() for section, name in central.config.SETTINGS}
    told = {cells[0].strip("`") for cells in _cells(_SETTINGS) if cells[0].startswith("`HCVX_")}
    assert read - settings - {"HCVX_CENTRAL_SECTION_KEY"} == told - {"HCVX_EDGE_…", "HCVX_CENTRAL_…"}


@pytest.mark.parametrize(
    ("text", "blocks"), [(_SPEC, spec_document.blocks()), (_PROBLEMS, problem_document.blocks())], ids=["spec", "words"]
)
def test_the_generated_parts_are_what_the_code_gives_today(text: str, blocks: dict[str, str]) -> None:
    found = dict(re.findall(r"<!-- generated: (\w+) -->\n(.*?)<!-- end -->", text, re.DOTALL))
    assert found == blocks


def test_the_specification_has_every_code_and_every_limit() -> None:
    assert [code for code in Code if f"| `{code}` |" not in _SPEC] == []
    numbers = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert [name for name, value in numbers.items() if f"| `{name}` | {value:,} |" not in _SPEC] == []


def test_every_code_that_can_be_seen_is_told_with_words_and_cure() -> None:
    told = {cells[0].strip("`") for cells in _cells(_PROBLEMS) if cells[0].startswith("`")}
    families = (CheckCode, Code, EdgeCode, PassCode, StickCode, StoreCode, TokenCode, Waiting)
    assert [code.value for family in families for code in family if code.value not in told] == []
    assert all(cells[-1] for cells in _cells(_PROBLEMS))
    literal = re.compile(r'(?:_end\(ctx, \w+,|code=|"code":) "([a-z0-9-]+)"')
    shown = {code for path in _cli_files() for code in literal.findall(path.read_text("utf-8"))}
    assert shown
    assert shown <= told


def _cli_files() -> list[Path]:
    return [*(_ROOT / "edge").glob("cli*.py"), *(_ROOT / "central").glob("cli*.py")]


def _link_faults(page: Path, text: str) -> list[str]:
    faults = []
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", _FENCE.sub("", text)):
        if target.startswith(("http://", "https://")):
            continue
        place, _, anchor = target.partition("#")
        path = (page.parent / place) if place else page
        if not path.exists() or (anchor and anchor not in map(_slug, path.read_text("utf-8").splitlines())):
            faults.append(f"{page.name}: {target}")
    return faults


def _slug(line: str) -> str:
    return re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") if line.startswith("#") else ""


def test_links_lead_somewhere() -> None:
    assert [fault for page in _PAGES for fault in _link_faults(page, page.read_text("utf-8"))] == []
    assert _link_faults(_ROOT / "README.md", "[a](docs/nowhere.md) [b](README.md#no-such-part)") != []


def _missing_files(text: str) -> list[str]:
    """Files of ours that a text names in backticks and that are not there; a module may stand without `.py`."""
    named = re.findall(r"`((?:edge|central|sync_protocol|tests|bench|docs)/[\w/.-]*)`", text)
    return [name for name in named if not ((_ROOT / name).exists() or (_ROOT / f"{name}.py").exists())]


def test_every_file_that_a_document_names_exists() -> None:
    assert {page.name: missing for page in _PAGES if (missing := _missing_files(page.read_text("utf-8")))} == {}
    assert _missing_files("`tests/no/such.py`") == ["tests/no/such.py"]


def test_each_threat_says_where_to_see_what_stands_in_its_way() -> None:
    rows = [cells for cells in _cells((_DOCS / "threat-model.md").read_text("utf-8")) if len(cells) == 5][1:]
    assert len(rows) > 15
    assert [cells[2] for cells in rows if not re.search(r"`tests/[\w/.]+`", cells[4])] == []


def test_decisions_are_numbered_without_gaps() -> None:
    pages = sorted((_DOCS / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        lines = page.read_text("utf-8").splitlines()
        assert lines[0].startswith(f"# ADR {int(page.name[:4])}: ")
        assert "Status: " in lines[2]
        assert len(lines) <= 60


def test_what_the_readme_says_to_make_can_be_made() -> None:
    targets = set(re.findall(r"^([a-z]+):", (_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    fenced = [line for block in _FENCE.findall(_README) for line in block.splitlines() if line.startswith("make")]
    assert fenced[0].split()[1] == "demo"
    assert fenced[1].split()[1] == "test"
    named = {target for page in _PAGES for target in re.findall(r"`make ([a-z]+)", page.read_text("utf-8"))}
    assert {line.split()[1] for line in fenced} | named <= targets


def test_the_other_lines_of_the_readme_run(tmp_path: Path) -> None:
    lines = [line for block in _FENCE.findall(_README) for line in block.splitlines() if line.startswith(".venv/bin/")]
    assert lines
    demo = [sys.executable, "-m", "tests.demo", "--people", "20", "--directory", str(tmp_path / "demo")]
    played = subprocess.run(demo, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout[-2_000:] + played.stderr[-2_000:]
    programs = Path(sys.executable).parent
    for line in lines:
        program, *arguments = shlex.split(line)
        command = [str(programs / Path(program).name), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        assert done.stdout
    shutil.rmtree(tmp_path / "demo")


# Put together here, so that this file is not the first to be found.
_INDEX_MARKS = (".".join(("pypi", "org")), "".join(("python", "hosted")), "-".join(("index", "url")))
_MACHINE_PATH = re.compile(r"(?<![\w.…])/(?:work|tmp|home|root)\b(?!-)")


def _address_faults(text: str, *, is_document: bool) -> list[str]:
    """Addresses of package indexes, and in documents paths of one machine."""
    return [mark for mark in _INDEX_MARKS if mark in text] + (_MACHINE_PATH.findall(text) if is_document else [])


def test_no_file_names_a_package_index_and_no_document_one_machine() -> None:
    files = [path for name in _FOLDERS for path in (_ROOT / name).rglob("*")]
    files += [*_ROOT.glob("*.md"), _ROOT / "Makefile", _ROOT / "pyproject.toml"]
    texts = [path for path in files if path.is_file() and path.suffix in _TEXTS and "__pycache__" not in path.parts]
    assert len(texts) > 200
    found = {
        str(path.relative_to(_ROOT)): faults
        for path in texts
        if (faults := _address_faults(path.read_text("utf-8"), is_document=path.suffix == ".md"))
    }
    assert found == {}
    assert _address_faults("see /tmp/x", is_document=True)
    assert _address_faults(f"from https://{_INDEX_MARKS[0]}/simple", is_document=False)
