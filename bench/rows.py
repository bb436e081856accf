"""What is measured: the servers and the rows of the table."""

import os
from dataclasses import dataclass

# Name in the command line -> name in the table. The order is the order of a round.
SERVERS = {
    "ours": "Sansocket",
    "ours-mi": "Sansocket (mimalloc, fat LTO)",
    "ours-one": "Sansocket, one thread",
    "epoll": "floor: epoll",
    "tokio": "floor: tokio",
    "socketioxide": "socketioxide (mimalloc, current thread)",
    "socketioxide-sys": "socketioxide (system allocator, current thread)",
    "socketioxide-mt": "socketioxide (mimalloc, multi-thread)",
    "socketioxide-sys-mt": "socketioxide (system allocator, multi-thread)",
    "node": "socket.io on Node (ws)",
    "python": "python-socketio on uvicorn",
}
FLOORS = ("epoll", "tokio")
# A runtime of several threads is compared where it can matter; with more than one message in flight
# it fails the check of order.
EVERY = tuple(server for server in SERVERS if server != "ours-one")
ONE_THREAD = tuple(server for server in EVERY if not server.endswith("-mt"))
NEAR = ("ours", "tokio", "socketioxide")


@dataclass
class Row:
    key: str
    title: str
    scenario: str
    args: str = ""
    # What a floor has to do instead of echoing frames.
    floor: str = ""
    goal: str = ""
    servers: tuple = ONE_THREAD
    connections: int = 64
    unit: str = "us"
    # Server and load on both cores, wherever the kernel puts them.
    unpinned: bool = False
    # In the first table, the chart and --quick.
    main: bool = True
    seconds: float = 60

    def load(self, server):
        """Arguments of the load generator."""
        args = [self.scenario, "--connections", str(self.connections)] + self.args.split()
        # The `connect` floor answers with the bytes of a handshake, so it is treated like a server.
        return args + (["--floor"] if server in FLOORS and self.scenario != "connect" else [])

    def cost(self, line):
        """The figure of a run that decides."""
        return line["bytes_per_connection" if self.unit == "bytes" else "cpu_us_per_message"]


ROWS = [
    Row("echo-64x1", "echo, 64 clients × 1 in flight", "echo", goal="≤ 1.15 × floor", servers=EVERY),
    Row("echo-64x16", "echo, 64 × 16", "echo", "--in-flight 16", goal="≤ 0.45 µs, < ⅓ of socketioxide", servers=EVERY),
    Row("echo-1000x1", "echo, 1000 × 1", "echo", connections=1000, goal="≤ 1.2 × floor"),
    Row("ack-64x16", "ack, 64 × 16", "ack", "--in-flight 16", goal="≤ 0.5 µs"),
    Row("binary-64x4", "binary 1 KiB, 64 × 4", "binary", "--in-flight 4 --size 1024", goal="≤ 1.4 × floor"),
    Row("broadcast-1000x1", "broadcast to 1000, one at a time (per delivery)", "broadcast", floor="--broadcast", connections=1000, goal="≤ 1.1 × floor"),
    Row("broadcast-1000x8", "broadcast to 1000, eight in flight (per delivery)", "broadcast", "--in-flight 8", floor="--broadcast", connections=1000, goal="≤ 0.40 µs"),
    Row("polling-64x1", "polling, 64 × 1 (GET + POST round trip)", "polling", floor="--polling", goal="≤ 1.25 × floor"),
    Row("polling-64x16", "polling, 64 × 16 packets per POST", "polling", "--packets 16", floor="--polling", goal="≤ 0.95 µs"),
    Row("connect", "connect + namespace + close", "connect", floor="--connect", connections=32, goal="≤ 1.3 × floor"),
    # The process is read after two times this long, and twice more around a burst.
    Row("idle", "idle WebSocket, bytes of memory per connection", "idle", "--burst 8", connections=5000, unit="bytes", seconds=1, goal="≤ 1500 bytes"),
    Row("two-cores", "echo, 64 × 16, server and load share two cores", "echo", "--in-flight 16", unpinned=True, main=False,
        servers=("ours", "ours-one", "tokio", "socketioxide-mt", "socketioxide-sys-mt", "node"), goal="nothing lost or reordered, more messages/s than one thread"),
    Row("paced-40k", "echo, 64 clients, paced at 40 000 messages a second", "echo", "--rate 40000", main=False,
        servers=NEAR + ("epoll",), goal="p99 ≤ 1.2 × floor"),
    Row("echo-100x1", "echo, 100 × 1", "echo", connections=100, main=False, servers=NEAR, goal="flat to 10 000"),
    Row("echo-10000x1", "echo, 10 000 × 1", "echo", connections=10_000, main=False, servers=NEAR, goal="flat from 100"),
    Row("broadcast-10x1", "broadcast to 10, one at a time (per delivery)", "broadcast", floor="--broadcast", connections=10, main=False, servers=NEAR),
    Row("broadcast-100x1", "broadcast to 100, one at a time (per delivery)", "broadcast", floor="--broadcast", connections=100, main=False, servers=NEAR,
        goal="flat with room size"),
]


def command(server, row, root):
    """The command line that starts a server for a row."""
    bench = os.path.join(root, "bench")
    built = lambda folder, name: os.path.join(bench, "target", folder, "release", name)
    threads = "2" if row.unpinned else "1"
    if server.startswith("ours"):
        # The contract's server with the heartbeat of the defaults. Unpinned it has a thread per core.
        plain = os.path.join(root, "target", "release", "examples", "contract")
        contract = built("ours", "bench-ours") if server == "ours-mi" else plain
        args = "--port 0 --ping-interval-ms 25000 --ping-timeout-ms 20000".split()
        return [contract] + args + ([] if server == "ours" and row.unpinned else ["--threads", "1"])
    if server in FLOORS:
        return [built("floors", server), "--port", "0"] + row.floor.split()
    if server.startswith("socketioxide"):
        name = "system" if "-sys" in server else "mimalloc"
        typed = ["--binary"] if row.scenario == "binary" else []
        threads = threads if server.endswith("-mt") else "0"
        return [built("socketioxide", name), "--port", "0", "--threads", threads] + typed
    if server == "node":
        return ["node", os.path.join(bench, "peers", "js", "server.js"), "0"]
    venv = os.path.join(bench, "target", "venv", "bin", "python")
    return [venv, os.path.join(bench, "peers", "python", "server.py"), "0"]
