"""Write the code that `proto/` generates: `make proto`. What it writes is checked in, and `tests/tidy/` proves it fresh.

With a folder as argument it writes there instead; that is how the test compares.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "proto"
TARGET = ROOT / "packages/core/src/krepis/_proto"
INIT = '"""Generated from `proto/` by `make proto`; do not edit. Import it through `krepis.wire`."""\n'


def main(arguments: list[str]) -> int:
    generate(Path(arguments[0]) if arguments else TARGET)
    return 0


def generate(target: Path) -> None:
    """Fill `target` with the package, and take out of it what is no longer generated."""
    target.mkdir(parents=True, exist_ok=True)
    schemas = sorted(path.relative_to(SCHEMAS).as_posix() for path in SCHEMAS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        options = [f"--proto_path={SCHEMAS}", f"--python_out={scratch}", f"--pyi_out={scratch}"]
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, *schemas], check=True)
        # protoc lays them out as the schemas are (krepis/x.proto); we keep them in one private package.
        fresh = {path.name: path.read_bytes() for path in Path(scratch).rglob("*_pb2.py*")}
    fresh["__init__.py"] = INIT.encode()
    for stale in (path for path in target.glob("*.py*") if path.name not in fresh):
        stale.unlink()
    for name, content in fresh.items():
        (target / name).write_bytes(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
