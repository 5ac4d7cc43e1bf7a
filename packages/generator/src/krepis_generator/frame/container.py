"""How a project runs elsewhere: its image, and the image beside a database."""

from __future__ import annotations

from krepis_generator.frame.settings import keeps_folder, variable
from krepis_generator.source import File
from krepis_spec.blueprint import Blueprint

PYTHON = "3.13"
POSTGRES = "17"

_LEFT_OUT = """\
# What the image is not built of.
.*
dist
spec.lock
tests
var
"""


def container_files(blueprint: Blueprint) -> list[File]:
    """Both images, and what is not sent to whoever builds them."""
    return [
        File("Dockerfile", _dockerfile(blueprint)),
        File(".dockerignore", _LEFT_OUT),
        File("compose.yaml", _compose(blueprint)),
    ]


def _dockerfile(blueprint: Blueprint) -> str:
    name = blueprint.service.name
    package = "/build[postgres]" if blueprint.service.database == "any" else "/build"
    settings = [f"{variable(blueprint, 'database')}=sqlite:////var/lib/{name}/{name}.db"]
    if blueprint.service.database == "postgresql":
        settings = []
    if keeps_folder(blueprint):
        settings.append(f"{variable(blueprint, 'data_folder')}=/var/lib/{name}")
    environment = " \\\n    ".join([f"PATH=/opt/{name}/bin:$PATH", "PYTHONUNBUFFERED=1", *settings])
    return f"""\
FROM python:{PYTHON}-slim AS build
COPY . /build
# Wheels in `wheels/`, if there are any, come before the package index.
RUN python -m venv /opt/{name} \\
    && /opt/{name}/bin/pip install --no-cache-dir --find-links /build/wheels "{package}"

FROM python:{PYTHON}-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin {name} \\
    && install --directory --owner={name} --group={name} --mode=0700 /var/lib/{name}
COPY --from=build /opt/{name} /opt/{name}
COPY krepis.toml /srv/{name}/
ENV {environment}
WORKDIR /srv/{name}
USER {name}
VOLUME /var/lib/{name}
EXPOSE 8000
HEALTHCHECK --start-period=20s --interval=10s --timeout=3s \\
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready', timeout=2)"]
# An upgrade of the database is one transaction, and several that begin at once follow one another.
CMD ["sh", "-c", "krepis db upgrade && exec krepis run --host 0.0.0.0"]
"""


def _compose(blueprint: Blueprint) -> str:
    name = blueprint.service.name
    if blueprint.service.database == "sqlite":
        return _service(blueprint, "", "") + f"\nvolumes:\n  {name}:\n"
    needed = "DATABASE_PASSWORD:?choose one of letters and digits, for example in .env"
    environment = f"""\
    environment:
      {variable(blueprint, "database")}: postgresql://{name}:${{DATABASE_PASSWORD}}@database/{name}
"""
    waits = """\
    depends_on:
      database:
        condition: service_healthy
"""
    database = f"""\

  database:
    image: postgres:{POSTGRES}
    restart: unless-stopped
    environment:
      POSTGRES_USER: {name}
      POSTGRES_DB: {name}
      POSTGRES_PASSWORD: ${{{needed}}}
    volumes:
      - database:/var/lib/postgresql/data
    healthcheck:
      test: ["CMD", "pg_isready", "--username", "{name}"]
      interval: 2s
      timeout: 2s
      retries: 30
"""
    return _service(blueprint, environment, waits) + database + f"\nvolumes:\n  {name}:\n  database:\n"


def _service(blueprint: Blueprint, environment: str, waits: str) -> str:
    name = blueprint.service.name
    return f"""\
services:
  {name}:
    build: .
    restart: unless-stopped
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    tmpfs: [/tmp]
    ports: ["127.0.0.1:8000:8000"]
    volumes:
      - {name}:/var/lib/{name}
{environment}{waits}"""
