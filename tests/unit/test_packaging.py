"""What is locked, documented and packaged agrees."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=~! ]", requirement)[0].lower()


def _locked(file: str) -> dict[str, str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def _documented() -> dict[str, str]:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").partition("## What they bring along")[0]
    return dict(re.findall(r"^\| ([a-z0-9-]+) \| (\d\S*) \|", text, re.MULTILINE))


def _direct() -> tuple[set[str], set[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return ({_name(r) for r in project["dependencies"]}, {_name(r) for r in project["optional-dependencies"]["dev"]})


def test_every_direct_dependency_is_documented_as_it_is_locked() -> None:
    run, develop = _direct()
    locked = _locked("requirements-dev.lock")
    assert _documented() == {name: locked[name] for name in run | develop}


def test_both_locks_agree_and_hold_what_is_needed() -> None:
    run, develop = _direct()
    to_run, to_develop = _locked("requirements.lock"), _locked("requirements-dev.lock")
    assert run <= to_run.keys()
    assert run | develop <= to_develop.keys()
    assert to_run.items() <= to_develop.items()


def test_no_lock_carries_an_index_address() -> None:
    for file in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text


class TestCompose:
    """What can be seen without an engine."""

    def _services(self) -> dict[str, dict[str, object]]:
        services: dict[str, dict[str, object]] = yaml.safe_load(
            (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        )["services"]
        return services

    def test_every_image_is_pinned_to_a_version(self) -> None:
        for name, service in self._services().items():
            assert re.search(r":v?\d+\.\d+", str(service["image"])), name

    def test_what_keeps_running_has_a_health_check(self) -> None:
        keeps_running = {n: s for n, s in self._services().items() if s["restart"] == "unless-stopped"}
        assert [name for name, service in keeps_running.items() if "healthcheck" not in service] == []
        assert {"api", "worker", "temporal", "temporal-ui", "records-db"} <= keeps_running.keys()

    def test_simulators_get_neither_keyring_nor_password_and_reach_no_database(self) -> None:
        services = self._services()
        simulators = {name: service for name, service in services.items() if name.startswith("simulator-")}
        assert len(simulators) == 2
        for service in simulators.values():
            assert service["networks"] == ["parties"]
            assert "environment" not in service
            mounted = service.get("volumes", [])
            assert isinstance(mounted, list)
            assert all(str(volume).endswith("/simulator-insurance.json:ro") for volume in mounted)

    def test_temporal_and_the_databases_are_on_networks_of_their_own(self) -> None:
        members: dict[str, set[str]] = {}
        for name, service in self._services().items():
            networks = service["networks"]
            assert isinstance(networks, list), name
            for network in networks:
                members.setdefault(network, set()).add(name)
        ours = {"api", "worker", "migrations", "search-attributes"}
        assert members["temporal"] - ours == {"temporal", "temporal-namespace", "temporal-ui"}
        assert members["temporal-db"] == {"temporal", "temporal-db", "temporal-schema"}
        assert members["records"] - ours == {"records-db"}
        assert members["temporal-ui"] == {"temporal-ui"}

    def test_the_ui_changes_nothing_by_default(self) -> None:
        environment = self._services()["temporal-ui"]["environment"]
        assert isinstance(environment, dict)
        assert environment["TEMPORAL_DISABLE_WRITE_ACTIONS"] == "true"

    @pytest.mark.parametrize("uid", ["0", "1000"])
    def test_the_image_does_nothing_as_root(self, tmp_path: Path, uid: str) -> None:
        for name, text in (("id", f"echo {uid}"), ("python", 'echo "$@"')):
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (tmp_path / name).chmod(0o755)
        script = ("/bin/sh", str(ROOT / "deploy" / "medpay.sh"), "worker", "--check")
        done = subprocess.run(  # noqa: S603 - our own script
            script, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
        )
        if uid == "0":
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith("MEDPAY_UID: must not be 0")
        else:
            assert (done.returncode, done.stdout) == (0, "-P -m cli worker --check\n")

    def test_no_secret_has_a_default(self) -> None:
        text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        secrets = re.findall(r"\$\{(\w*(?:PASSWORD|KEY|SECRET)\w*)(.)", text)
        assert secrets
        assert all(rest == ":" for _, rest in secrets)
        assert not re.search(r"\$\{\w*(?:PASSWORD|KEY|SECRET)\w*:-", text)

    def test_the_image_copies_every_package(self) -> None:
        wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
        dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        for part in wheel["targets"]["wheel"]["only-include"]:
            assert part in dockerfile
