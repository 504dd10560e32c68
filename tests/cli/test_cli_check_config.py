"""
siprec check-config, and the command around it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from siprec_tw.cli.main import main


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIPREC_URL", "SIPREC_TOKEN", "CLUSTER_NODE_ID"):
        monkeypatch.delenv(name, raising=False)


def test_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A good file gives "ok", every effective key, and 0.
    """
    file = tmp_path / "siprec.yaml"
    file.write_text("sip: {max_calls: 7}\n")
    assert main(["check-config", str(file)]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0] == "ok"
    assert ["sip.max_calls", "7"] in [line.split() for line in lines]
    assert shown.err == ""


def test_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A bad file gives every problem with its line, and 1.
    """
    file = tmp_path / "siprec.yaml"
    file.write_text("sip:\n  t1: 5\n  alow: []\n")
    assert main(["check-config", str(file)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f'error: {file}:2: sip.t1: found 5 without a unit, wanted for instance "5s"',
        f"error: {file}:3: sip.alow: unknown key: is 'allow' meant?",
        "2 problems",
    ]


def test_environment_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The environment is checked along, its unknown variables are warned of; no file means the defaults.
    """
    monkeypatch.setenv("SIPREC_SIP_MAX_CALLS", "9")
    monkeypatch.setenv("REDIS_MODE", "sentinel")
    assert main(["check-config"]) == 0
    shown = capsys.readouterr()
    assert ["sip.max_calls", "9"] in [line.split() for line in shown.out.splitlines()]
    assert shown.err == "warning: environment REDIS_MODE: sets nothing\n"


def test_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A file that is not there is a problem, not a traceback.
    """
    assert main(["check-config", "/nonexistent/siprec.yaml"]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Without a command the usage is shown; --version says the version.
    """
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "usage: siprec" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("siprec_tw ")
