"""What the programs say at the terminal: verbs and options in Vietnamese, with examples, and wrong usage as well."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

import click
import pytest
from click.testing import CliRunner

import central.cli
import central.cli_words
import edge.cli
import edge.cli_words
import sync_protocol.__main__
from sync_protocol.command_line import SpokenGroup, VerbWords, ask_secret, is_english

VIETNAMESE: Mapping[str, str] = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "vi_VN.UTF-8"}
ENGLISH = {**VIETNAMESE, "LANG": "en_US.UTF-8"}
PROGRAMS: Mapping[str, tuple[SpokenGroup, Mapping[str, VerbWords]]] = {
    "hcvx-edge": (edge.cli.main, edge.cli_words.WORDS),
    "hcvx-central": (central.cli.main, central.cli_words.WORDS),
}
# Of click itself; none of them is to be read by anybody.
FOREIGN = ("Usage:", "Options:", "Commands:", "Show this message", "Error:", "Try '", "[default", "[required]")


def verbs(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every verb by its words; a group within the group is one too."""
    for name, one in group.commands.items():
        yield before + name, one
        if isinstance(one, click.Group):
            yield from verbs(one, f"{before}{name} ")


def faults(group: SpokenGroup, table: Mapping[str, VerbWords]) -> list[str]:
    """Where the words and the program differ."""
    known = dict(verbs(group))
    found = [f"{name}: has no words" for name in known.keys() - table.keys()]
    found += [f"{name}: no such verb" for name in table.keys() - known.keys()]
    for name in known.keys() & table.keys():
        wanted = {
            one.opts[0] if isinstance(one, click.Option) else one.human_readable_name for one in known[name].params
        }
        found += [f"{name} {one}: has no words" for one in wanted - table[name].options.keys()]
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_verb_and_option_has_its_words_in_vietnamese(program: str) -> None:
    group, table = PROGRAMS[program]
    assert faults(group, table) == []
    without = {name: one for name, one in table.items() if name != "status"}
    assert faults(group, without) == ["status: has no words"]
    assert "status --json: has no words" in faults(group, {**table, "status": VerbWords("Xem.", "x")})


@pytest.mark.parametrize(
    ("program", "verb"), [(program, verb) for program, (group, _) in PROGRAMS.items() for verb, _ in verbs(group)]
)
def test_help_is_vietnamese_and_has_an_example_that_parses(program: str, verb: str) -> None:
    group, table = PROGRAMS[program]
    done = CliRunner().invoke(group, [*verb.split(), "--help"], env=VIETNAMESE, prog_name=program)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Cách dùng: {program} {verb} ")
    assert [foreign for foreign in FOREIGN if foreign in done.stdout] == []
    example = table[verb].example
    assert f"\n  {example}" in done.stdout
    words = shlex.split(example)
    assert words.pop(0) == program
    command: click.Command = group
    context = click.Context(group)
    while isinstance(command, click.Group):
        _, words, _ = command.make_parser(context).parse_args(words)
        command = command.commands[words.pop(0)]
        context = click.Context(command)
    given, left, _ = command.make_parser(context).parse_args(words)
    assert left == []
    assert [one.name for one in command.params if one.required and not given.get(one.name or "")] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_lists_its_verbs_each_with_what_it_does(program: str) -> None:
    group, table = PROGRAMS[program]
    said = " ".join(CliRunner().invoke(group, ["--help"], env=VIETNAMESE).stdout.split())
    for name in group.commands:
        assert f"{name} {table[name].text.partition('. ')[0].rstrip('.')}" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", None),
        ("sgin", "Không có lệnh sgin. Có phải: sign?"),
        ("status --jsn", "Không có tùy chọn --jsn. Có phải: --json?"),
        ("status --day", "Tùy chọn --day cần một giá trị."),
        ("sign --preview=1", "Tùy chọn --preview không kèm giá trị."),
        ("status hôm nay", "Có phần thừa ở cuối dòng lệnh."),
        ("enrol", "Thiếu tham số FILE."),
        ("enrol khong-co", "Giá trị của FILE không dùng được: không có tệp này, hoặc không dùng được nó."),
        ("carry khong-co", "Giá trị của DIR không dùng được: không có thư mục này, hoặc không dùng được nó."),
        ("user add duyen", "Thiếu tùy chọn --name."),
        ("run --port 70000", "Giá trị của --port không dùng được: cần số nguyên từ 0 đến 65535."),
        ("sign --approval ba", "Giá trị của --approval không dùng được: cần số nguyên."),
        ("begin-epoch --reason x", "Giá trị của --reason không dùng được: chọn một trong restored, copied."),
        ("import-roster - --day mai", None),
        ("clock --set x --end", "Chỉ dùng một trong --set và --end."),
        ("run --address 10.0.0.1", "--address đi cùng --lan."),
    ],
)
def test_wrong_usage_is_told_in_vietnamese_with_the_way_to_help(line: str, said: str | None) -> None:
    done = CliRunner().invoke(edge.cli.main, line.split(), env=VIETNAMESE, prog_name="hcvx-edge")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Cách dùng: hcvx-edge ")
    assert [foreign for foreign in (*FOREIGN, "No such", "Missing", "Invalid") if foreign in done.stderr] == []
    if said is not None:
        assert done.stderr.endswith(f"✕ {said}\n")
        assert "Xem thêm: hcvx-edge" in done.stderr


def test_where_the_terminal_speaks_english_it_follows_the_vietnamese() -> None:
    done = CliRunner().invoke(central.cli.main, ["decide-epoch", "0f28"], env=ENGLISH)
    assert "✕ Thiếu tùy chọn --by.\n  Missing option '--by'." in done.stderr
    told = CliRunner().invoke(central.cli.main, ["check", "--help"], env=ENGLISH).stdout
    assert told.index("Kiểm tra lại mọi thứ") < told.index("Re-verify everything")
    assert is_english({"LC_ALL": "", "LANG": "en_GB"})
    assert not is_english({"LC_ALL": "vi_VN", "LANG": "en_GB"})
    assert not is_english({})


def test_the_verifier_speaks_the_same_way() -> None:
    told = CliRunner().invoke(sync_protocol.__main__.main, ["--help"], env=VIETNAMESE)
    assert [foreign for foreign in FOREIGN if foreign in told.stdout] == []
    assert "Ví dụ:" in told.stdout
    wrong = CliRunner().invoke(sync_protocol.__main__.main, [], env=VIETNAMESE)
    assert wrong.exit_code == 2
    assert "✕ Cần tên tệp" in wrong.stderr


def test_a_secret_is_asked_for_until_both_are_the_same() -> None:
    @click.command()
    def ask() -> None:
        click.echo(len(ask_secret("Mật khẩu mở máy", confirm=True)))

    done = CliRunner().invoke(ask, input="một\nhai\nmật khẩu\nmật khẩu\n")
    assert done.stdout == "8\n"
    assert "Hai lần nhập không giống nhau" in done.stderr
    assert "Error" not in done.stderr


def test_an_interrupted_verb_says_so_and_fails() -> None:
    group = SpokenGroup("hcvx")

    @click.command("wait")
    def wait() -> None:
        raise KeyboardInterrupt

    group.add_command(wait)
    done = CliRunner().invoke(group, ["wait"])
    assert done.exit_code == 1
    assert done.stderr.endswith("Đã dừng.\n")
