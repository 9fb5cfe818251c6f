#!/usr/bin/env python3
"""third-party.py TARGET: the crates that are linked into the programs on a target, with their licences' texts."""

import json
import pathlib
import re
import subprocess
import sys

TEXT = re.compile(r"(licen[cs]e|copying|notice|unlicense|readme\.ijg)", re.IGNORECASE)


def linked(metadata):
    """Identifiers of the packages that end up in our programs: neither what builds them, nor macros."""
    macros = {p["id"] for p in metadata["packages"] if any("proc-macro" in target["kind"] for target in p["targets"])}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, todo = set(), [metadata["resolve"]["root"]]
    while todo:
        package = todo.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            if dependency["pkg"] not in macros and any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    return found - {metadata["resolve"]["root"]}


def texts(package):
    """Its files of licences: its own, and those of a C library that it brings along."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [file for file in folder.iterdir() if file.is_file()]
    files += [file for below in folder.iterdir() if (below / "CMakeLists.txt").exists() for file in below.iterdir()]
    return sorted(file for file in files if file.is_file() and TEXT.match(file.name))


def main(target):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    rows, said = [], {}
    for package in sorted((packages[name] for name in linked(metadata)), key=lambda one: (one["name"], one["version"])):
        name = f"{package['name']} {package['version']}"
        rows.append(f"{name}: {package['license'] or 'see its text below'}")
        for file in texts(package):
            text = file.read_text(errors="replace").strip()
            said.setdefault(text, []).append(f"{name} ({file.name})")
    print("Libraries that are linked into this program.\n")
    print("\n".join(rows))
    print("Rust's standard library: MIT OR Apache-2.0")
    for text, owners in said.items():
        print(f"\n{'=' * 100}\n{', '.join(owners)}\n\n{text}")


main(sys.argv[1])
