"""One run of the load against a fresh server."""

import json
import os
import resource
import select
import subprocess

BENCH = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(BENCH, "target")


def allow_descriptors():
    """Lifts the limit to the highest there is."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def measure(row, server, command, seconds, warmup, syscalls=False):
    """The line of figures, or why there is none. `command` starts the server."""
    if row.connections + 500 > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        return {"error": f"{row.connections} connections are more than the limit of descriptors allows"}
    pin = [] if row.unpinned else ["taskset", "-c", "0"]
    log = open(os.path.join(TARGET, "server.log"), "w+")
    process = subprocess.Popen(
        pin + command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
    )
    try:
        return load(row, server, process.pid, listening(process), seconds, warmup, syscalls)
    except RuntimeError as error:
        log.seek(0)
        return {"error": f"{error} {log.read()[-500:]}".strip()}
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        log.close()


def listening(process):
    """The address in the line a server prints when it accepts connections."""
    ready, _, _ = select.select([process.stdout], [], [], 20)
    line = process.stdout.readline() if ready else ""
    if "listening on http" not in line:
        raise RuntimeError("the server did not start")
    return line.split()[-1]


def load(row, server, pid, url, seconds, warmup, syscalls):
    pin = [] if row.unpinned else ["taskset", "-c", "1"]
    generator = os.path.join(TARGET, "load", "release", "load")
    args = row.load(server) + ["--url", url, "--pid", str(pid)]
    args += ["--seconds", str(min(seconds, row.seconds)), "--warmup", str(warmup)]
    args += ["--syscalls"] if syscalls else []
    try:
        limit = 4 * seconds + warmup + 60
        done = subprocess.run(pin + [generator] + args, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise RuntimeError("the load did not end in time")
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"status {done.returncode}")
    return json.loads(done.stdout)
