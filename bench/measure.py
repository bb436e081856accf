"""One run of the load against a fresh server."""

import json
import os
import resource
import select
import subprocess

from build import TARGET


def allow_descriptors():
    """Lifts the limit to the highest there is."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def measure(row, server, command, seconds, warmup, syscalls=False):
    """The line of figures, or why there is none. `command` starts the server."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500
    connections = min(row.connections, most) if row.fewer else row.connections
    if connections > most and row.scenario != "sessions":
        return {"error": f"{connections} connections are more than the limit of descriptors allows"}
    args = row.load(server, connections) + ["--seconds", str(min(seconds, row.seconds)), "--warmup", str(warmup)]
    args += ["--syscalls"] if syscalls else []
    return with_server(command, row.pinned, lambda pid, url: load(args + ["--url", url, "--pid", str(pid)], row.pinned))


def with_server(command, pinned, use, core=0):
    """What `use` returns for the process and the address of a fresh server, or why it could not."""
    log = open(os.path.join(TARGET, "server.log"), "w+")
    process = start(command, core if pinned else None, stderr=log, stdin=subprocess.DEVNULL)
    try:
        url = listening(process)
        return use(worker(process.pid), url)
    except (RuntimeError, OSError) as error:
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


def start(command, core, **streams):
    """A process on a core."""
    pin = [] if core is None else ["taskset", "-c", str(core)]
    return subprocess.Popen(pin + command, stdout=subprocess.PIPE, text=True, **streams)


def listening(process):
    """The address in the line a server prints when it accepts connections."""
    ready, _, _ = select.select([process.stdout], [], [], 20)
    line = process.stdout.readline() if ready else ""
    if "listening on http" not in line:
        raise RuntimeError("the server did not start")
    return line.split()[-1]


def worker(pid):
    """The process that serves: the one a master has started, or the server itself."""
    children = open(f"/proc/{pid}/task/{pid}/children").read().split()
    return int(children[0]) if len(children) == 1 else pid


def load(args, pinned):
    pin = ["taskset", "-c", "1"] if pinned else []
    generator = os.path.join(TARGET, "load", "release", "load")
    try:
        done = subprocess.run(pin + [generator] + args, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        raise RuntimeError("the load did not end in time")
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"status {done.returncode}")
    return json.loads(done.stdout)
