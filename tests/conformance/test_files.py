"""What the OpenAPI document says of doors that take and send files is what a served app does."""

from __future__ import annotations

from pathlib import Path

from conformance.test_schemathesis import ROOT, SEED_DRAWN, SEED_FIXED, compare, served

SHELF = ROOT / "packages/core/tests/files"


def test_doors_of_files_are_as_documented(tmp_path: Path) -> None:
    with served("_shelf:memory_shelf", "--factory", "--app-dir", str(SHELF), folder=tmp_path) as origin:
        compare(f"{origin}/openapi.json", SEED_FIXED, tmp_path)


def test_doors_of_files_are_as_documented_with_a_new_seed(tmp_path: Path) -> None:
    with served("_shelf:memory_shelf", "--factory", "--app-dir", str(SHELF), folder=tmp_path) as origin:
        compare(f"{origin}/openapi.json", SEED_DRAWN, tmp_path)
