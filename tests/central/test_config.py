"""Settings: the environment over the file, unknown keys refused, all problems told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.config import CONFIG_FILE, SETTINGS, ConfigError, encode_config, load_config


def write(directory: Path, content: str) -> Path:
    (directory / CONFIG_FILE).write_text(content, encoding="utf-8")
    return directory


def test_an_empty_file_gives_the_defaults_inside_the_directory(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, ""), {})
    assert config.store_url == f"sqlite:///{tmp_path / 'centre.db'}"
    assert config.signer_uri == f"software:{tmp_path / 'keys' / 'document_signer.p12'}"
    assert config.keys_directory == tmp_path / "keys"
    assert config.web_host == "127.0.0.1"
    assert config.is_demo


def test_the_environment_stands_over_the_file(tmp_path: Path) -> None:
    directory = write(tmp_path, encode_config({("web", "port"): 9_000, ("centre", "name"): 'Sở "Y tế"'}))
    config = load_config(directory, {"HCVX_CENTRAL_WEB_PORT": "9001", "PATH": "/bin", "HCVX_CENTRAL_PASSWORD": "x"})
    assert (config.web_port, config.name) == (9_001, 'Sở "Y tế"')


def test_addresses_of_other_kinds_are_left_as_they_are(tmp_path: Path) -> None:
    given = {
        ("store", "url"): "postgresql+psycopg://hcvx@/hcvx",
        ("signer", "uri"): "pkcs11:token=DOPM",
        ("centre", "material"): "real",
    }
    config = load_config(write(tmp_path, encode_config(given)), {})
    assert (config.store_url, config.signer_uri) == (given["store", "url"], given["signer", "uri"])
    assert not config.is_demo


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    content = 'alone = 1\n[web]\nport = "many"\ncolour = "red"\n[centre]\npublic_url = "ftp://x/"\nmaterial = "toy"\n'
    environment = {"HCVX_CENTRAL_WEB_THREADS": "0", "HCVX_CENTRAL_COLOUR": "red", "HCVX_CENTRAL_STORE_URL": "mysql://x"}
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, content), environment)
    assert len(caught.value.problems) == 8
    assert all(
        any(name in problem for problem in caught.value.problems)
        for name in ("alone", "port", "colour", "public_url", "material", "threads", "HCVX_CENTRAL_COLOUR", "url")
    )


@pytest.mark.parametrize("content", ["not toml", "\udcff"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / CONFIG_FILE).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError):
        load_config(tmp_path, {})


def test_a_directory_without_settings_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="init"):
        load_config(tmp_path, {})


def test_no_setting_holds_a_secret() -> None:
    assert not [key for _, key in SETTINGS if "password" in key or "pin" in key or "secret" in key]
