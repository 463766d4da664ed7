"""deploy/: what the containers are told exists, and every service waits for what it needs. No engine is needed here."""

import re
from pathlib import Path

import pytest
import yaml

from lendbook import settings as lendbook_settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def known_to_lendbook():
    """The names that settings.py reads."""
    source = Path(lendbook_settings.__file__).read_text()
    return set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z_]+)"', source))


def test_the_five_run_together():
    assert set(SERVICES) == {"postgres", "redis", "web", "worker", "grafana"}
    for service in SERVICES.values():
        assert "image" in service
        assert service["restart"] == "unless-stopped"
        assert ":latest" not in service["image"]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_lendbooks_environment_is_what_its_settings_read(name):
    told = SERVICES[name]["environment"]
    assert set(told) <= known_to_lendbook()
    assert told["LENDBOOK_INSTANCE"] == "prod"
    assert "@postgres:5432/" in told["DATABASE_URL"]
    assert told["REDIS_URL"].startswith("redis://redis:")
    for required in ("DATABASE_URL", "ALLOWED_HOSTS"):
        assert ":?" in told[required], f"{required} must not be empty"


def test_one_starts_when_what_it_needs_is_well():
    waits = {name: set(service.get("depends_on", ())) for name, service in SERVICES.items()}
    assert waits["web"] == {"postgres", "redis"}
    assert waits["worker"] == waits["grafana"] == {"web"}
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert {"test", "interval", "timeout", "retries"} <= set(SERVICES[name]["healthcheck"])


def test_the_web_servers_check_is_python_that_compiles():
    kind, program, flag, code = SERVICES["web"]["healthcheck"]["test"]
    assert (kind, program, flag) == ("CMD", "python", "-c")
    compile(code, "healthcheck", "exec")


def test_what_must_last_lies_in_named_volumes_and_what_is_mounted_exists():
    named = {"postgres": "/var/lib/postgresql/data", "redis": "/data", "web": "/data", "worker": "/data"}
    named["grafana"] = "/var/lib/grafana"
    for name, service in SERVICES.items():
        mounts = [mount.split(":") for mount in service["volumes"]]
        lasting = {mount[1]: mount[0] for mount in mounts if mount[0] in COMPOSE["volumes"]}
        assert named[name] in lasting
        for source, *_ in mounts:
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), source
    assert SERVICES["web"]["volumes"] == SERVICES["worker"]["volumes"]


def test_nothing_is_open_to_the_network_and_no_secret_is_written_down():
    for service in SERVICES.values():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name:
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name


def test_the_images_of_lendbook_hold_no_root_and_no_data():
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == ["lendbook"]
    assert "--require-hashes" in dockerfile
    for name in re.findall(r"\b(LENDBOOK_\w+)=", dockerfile):
        assert name in known_to_lendbook()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert {".git", ".env", "instances/*", ".venv"} <= set(ignored)
    for service in ("web", "worker"):
        build = SERVICES[service]["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == (DEPLOY / "Dockerfile").resolve()
        assert SERVICES[service]["command"] == ["python", "manage.py", "serve", "--only", service]


def test_grafanas_provisioning_is_told_all_it_asks_for():
    told = set(SERVICES["grafana"]["environment"])
    for path in (DEPLOY / "grafana/provisioning").rglob("*.yaml"):
        assert set(re.findall(r"\$\{(\w+)\}", path.read_text())) <= told
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/lendbook.yaml").read_text())["datasources"]
    assert (source["uid"], source["type"], source["editable"]) == ("lendbook", "postgres", False)
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/lendbook.yaml").read_text())["providers"]
    mounted = {mount.split(":")[1] for mount in SERVICES["grafana"]["volumes"]}
    assert provider["options"]["path"] in mounted
