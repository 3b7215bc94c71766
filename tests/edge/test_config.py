"""Settings: one file, the environment over it, all problems at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from edge.config import SETTINGS, TEMPLATE, Config, ConfigError, read_config


def _problems(directory: Path, text: str = "", **environment: str) -> tuple[str, ...]:
    (directory / "node.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_config(directory, environment)
    return caught.value.problems


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert read_config(tmp_path, {}) == Config(tmp_path)


def test_the_template_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(TEMPLATE, encoding="utf-8")
    assert read_config(tmp_path, {}) == Config(tmp_path)
    shown = tomllib.loads("\n".join(line[2:] for line in TEMPLATE.splitlines() if " = " in line))
    assert shown == {name: getattr(Config(tmp_path), name) for name in SETTINGS}


def test_the_environment_stands_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text('port = 9000\nsigner = "software:a.p12"\n')
    config = read_config(
        tmp_path, {"HCVX_EDGE_PORT": "9001", "HCVX_EDGE_DIRECTORY": "x", "HCVX_EDGE_PASSPHRASE": "z", "OTHER": "y"}
    )
    assert (config.port, config.signer) == (9001, "software:a.p12")
    assert config.database_path == tmp_path / "node.db"


def test_all_problems_are_said_together(tmp_path: Path) -> None:
    text = 'prot = 1\nport = "x"\nthreads = 0\nhost = "0.0.0.0"\nsigner = "file:x"\ncentre_url = "ftp://x"\n'
    problems = _problems(tmp_path, text, HCVX_EDGE_PIN="1234", HCVX_EDGE_EXCHANGE_SECONDS="a")
    assert len(problems) == 8
    assert "1234" not in " ".join(problems)


@pytest.mark.parametrize("text", ["port = ", "port = true", "port = 70000", "host = 1", "x" * 70_000])
def test_what_is_wrong_is_refused(tmp_path: Path, text: str) -> None:
    assert _problems(tmp_path, text)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_bytes(b'host = "\xff"')
    with pytest.raises(ConfigError):
        read_config(tmp_path, {})
