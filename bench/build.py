"""Builds what is measured."""

import os
import shutil
import subprocess
import sys

BENCH = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCH)
TARGET = os.path.join(BENCH, "target")

CARGO = ["cargo", "build", "--release", "--locked"]
# Server -> the package whose example it is, and its features.
BINDINGS = {
    "ours": ["--package", "sansocket-tokio"],
    "ours-smol": ["--package", "sansocket-async-std"],
    "ours-async-std": ["--package", "sansocket-async-std", "--no-default-features", "--features", "async-std,tracing"],
    "ours-threads": ["--package", "sansocket-blocking"],
}


def ours(servers, root=ROOT):
    """Builds the contract servers of a revision, which all have the same name, and puts them side by side."""
    folder = os.path.join(root, "bench", "target", "ours")
    os.makedirs(folder, exist_ok=True)
    for server, package in BINDINGS.items():
        if server in servers:
            call(CARGO + package + ["--example", "contract"], root)
            shutil.copy(os.path.join(root, "target", "release", "examples", "contract"), os.path.join(folder, server))


def package(folder, *args, name=None):
    """Builds a package of this folder in a target folder of its own: nothing here touches the workspace's."""
    target = os.path.join(TARGET, name or os.path.basename(folder))
    call(CARGO + ["--target-dir", target, *args], os.path.join(BENCH, folder))
    return os.path.join(target, "release")


def everything(servers):
    """Builds the load and the servers; returns those that cannot run here, with the reason."""
    ours(servers)
    package("load")
    package("floors")
    if any(server.startswith("socketioxide") for server in servers):
        package("peers/socketioxide")
    return peers(servers)


def peers(servers):
    """Installs peers in other languages; returns those that cannot run here, with the reason."""
    skipped = {}
    npm = [["npm", "ci", "--no-audit", "--no-fund"]]
    attempt(skipped, {"bun", "node", "eiows"} & set(servers), npm, "peers/js")
    attempt(skipped, {"eiows"} & set(servers), npm, "peers/eiows")
    venv = os.path.join(TARGET, "venv")
    pip = [os.path.join(venv, "bin", "pip"), "install", "-q", "--disable-pip-version-check"]
    commands = [[sys.executable, "-m", "venv", venv], pip + ["-r", "requirements.txt"]]
    attempt(skipped, {server for server in servers if server.startswith("python")}, commands, "peers/python")
    return skipped


def attempt(skipped, servers, commands, folder):
    """Installs a peer; without it, some servers are left out."""
    try:
        for command in commands if servers else []:
            call(command, os.path.join(BENCH, folder))
    except (OSError, subprocess.SubprocessError) as error:
        for server in servers:
            skipped[server] = str(error).replace(BENCH, "bench")
            print(f"{server} is left out: {skipped[server]}", file=sys.stderr)


def call(command, folder):
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=1800)
