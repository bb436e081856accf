"""What is measured: the servers, the rows of the table and their goals."""

import os
from dataclasses import dataclass

# Name in the command line -> name in the table. The order is the order of a round.
SERVERS = {
    "ours": "Sansocket on tokio",
    "ours-smol": "Sansocket on smol",
    "ours-async-std": "Sansocket on async-std",
    "ours-threads": "Sansocket on threads",
    "tokio": "floor: tokio",
    "epoll": "floor: epoll",
    "socketioxide": "socketioxide (mimalloc)",
    "socketioxide-sys": "socketioxide (system allocator)",
    "bun": "socket.io on Bun",
    "eiows": "socket.io on Node (eiows)",
    "node": "socket.io on Node (ws)",
    "python": "python-socketio on uvicorn",
    "python-gevent": "python-socketio on gevent",
    "python-threads": "python-socketio on threads of gunicorn",
}
OURS = tuple(server for server in SERVERS if server.startswith("ours"))
FLOORS = ("tokio", "epoll")
# What the goals and the closest comparison are about takes part in every round, others in this many.
NEAR = OURS + ("tokio", "socketioxide")
FAR_ROUNDS = 2
# A client of these waits 40 ms for a delayed acknowledgement while it connects: thousands take minutes to open.
FEW = ("python-gevent", "python-threads")


@dataclass
class Goal:
    """A server needs at most so many times what `base` needs in the same round; without a base, so much."""

    server: str
    most: float
    base: str = ""
    # `cost` is what decides in the row, `p99` a latency, `wall` the time in which one message is done.
    figure: str = "cost"
    # The row of the base, if it is another one.
    row: str = ""


def goals(ours, threads=None, smol=1.1, tail=None):
    """Goals of a row against the tokio floor; smol and the tail of threads are compared with our tokio."""
    found = [Goal("ours", ours, "tokio"), Goal("ours-smol", smol, "ours")]
    found += [Goal("ours-threads", threads, "tokio")] if threads else []
    return tuple(found + ([Goal("ours-threads", tail, "ours", "p99")] if tail else []))


@dataclass
class Row:
    key: str
    title: str
    scenario: str
    args: str = ""
    # What a floor has to do instead of echoing frames.
    floor: str = ""
    goals: tuple = ()
    servers: tuple = tuple(SERVERS)
    connections: int = 64
    # Takes as many connections as the limit of descriptors allows.
    fewer: bool = False
    unit: str = "us"
    threads: int = 1
    # Server on core 0 and load on core 1, or both wherever the kernel puts them.
    pinned: bool = True
    # In the first table and the chart.
    main: bool = True
    # At most.
    rounds: int = 99
    seconds: float = 60

    def load(self, server, connections):
        """Arguments of the load generator."""
        args = [self.scenario, "--connections", str(connections)] + self.args.split()
        # The `connect` floor answers with the bytes of a handshake, so it is treated like a server.
        return args + (["--floor"] if server in FLOORS and self.scenario != "connect" else [])

    def takes_part(self, server, number):
        """Whether a server is measured in this round, counted from 0."""
        few = server in FEW and self.connections >= 1000
        return server in self.servers and not few and number < min(self.rounds, 99 if server in NEAR else FAR_ROUNDS)

    def figure(self, line, name="cost"):
        """A figure of a run."""
        if name == "p99":
            return line["p99_us"]
        if name == "closed":
            return line["closed_rss_kib"]
        if name == "wall":
            return 1e6 / line["per_second"]
        return line["bytes_per_connection" if self.unit == "bytes" else "cpu_us_per_message"]


SOME = ("ours", "tokio", "socketioxide")
# Events from handlers: a load needs much less than a server, so that two threads find room on two cores.
BURST = {"args": "--burst 1000", "servers": OURS + ("socketioxide",), "pinned": False, "main": False, "rounds": 3}
FASTER = tuple(Goal(server, 1, server, "wall", "one-thread") for server in OURS)

ROWS = [
    Row("echo-64x1", "echo, 64 clients × 1 in flight", "echo", goals=goals(1.08, threads=1.4, tail=1.5)),
    Row("echo-64x16", "echo, 64 × 16", "echo", "--in-flight 16",
        goals=goals(1.25, threads=2, tail=1.5) + (Goal("ours", 0.35, "socketioxide"),)),
    Row("echo-1000x1", "echo, 1000 × 1", "echo", connections=1000, goals=goals(1.12)),
    Row("ack-64x16", "ack, 64 × 16", "ack", "--in-flight 16", goals=goals(1.3, threads=2, tail=1.5)),
    Row("binary-64x4", "binary 1 KiB, 64 × 4", "binary", "--in-flight 4 --size 1024", goals=goals(1.12)),
    Row("broadcast-1000x1", "broadcast to 1000, one at a time (per delivery)", "broadcast", floor="--broadcast", connections=1000, goals=goals(1.05)),
    Row("broadcast-1000x8", "broadcast to 1000, eight in flight (per delivery)", "broadcast", "--in-flight 8", floor="--broadcast", connections=1000, goals=goals(1.15)),
    Row("polling-64x1", "polling, 64 × 1 (GET + POST round trip)", "polling", floor="--polling", goals=goals(1.12, tail=1.5)),
    Row("polling-64x16", "polling, 64 × 16 packets per POST", "polling", "--packets 16", floor="--polling", goals=goals(1.25, threads=2, tail=1.5)),
    Row("connect", "connect + namespace + close", "connect", floor="--connect", connections=32, goals=goals(1.1)),
    # The process is read after two times this long, and four times more around a burst and two closings.
    Row("idle", "idle WebSocket, bytes of memory per connection", "idle", "--burst 8", connections=5000, unit="bytes", seconds=0.5, rounds=2,
        goals=(Goal("ours", 1300),)),
    Row("idle-most", "idle WebSockets, as many as descriptors allow up to 100 000", "idle", "--burst 8", connections=100_000, fewer=True, unit="bytes",
        seconds=0.5, rounds=1, main=False, servers=NEAR, goals=(Goal("ours", 1300),)),
    Row("sessions", "sessions on polling that nobody polls, 100 000", "sessions", connections=100_000, unit="bytes", seconds=0.5, rounds=1, main=False,
        servers=OURS + ("socketioxide",)),
    Row("one-thread", "1000 events for each request, 64 clients, one thread", "burst", **BURST),
    Row("two-threads", "1000 events for each request, 64 clients, two threads", "burst", threads=2, goals=FASTER, **BURST),
    Row("paced-40k", "echo, 64 clients, paced at 40 000 messages a second", "echo", "--rate 40000", main=False, servers=NEAR,
        goals=(Goal("ours", 1.2, "tokio", "p99"), Goal("ours-smol", 1.1, "ours"), Goal("ours-threads", 1.5, "ours", "p99"))),
    Row("echo-100x1", "echo, 100 × 1", "echo", connections=100, main=False, servers=SOME, rounds=2),
    Row("echo-10000x1", "echo, 10 000 × 1", "echo", connections=10_000, main=False, servers=SOME, rounds=2),
    Row("broadcast-10x1", "broadcast to 10, one at a time (per delivery)", "broadcast", floor="--broadcast", connections=10, main=False, servers=SOME, rounds=2),
    Row("broadcast-100x1", "broadcast to 100, one at a time (per delivery)", "broadcast", floor="--broadcast", connections=100, main=False, servers=SOME, rounds=2),
]


def command(server, row, root):
    """The command line that starts a server for a row."""
    bench = os.path.join(root, "bench")
    built = lambda folder, name: os.path.join(bench, "target", folder, "release", name)
    peer = lambda *path: os.path.join(bench, "peers", *path)
    threads = str(row.threads)
    if server in OURS:
        return ours(os.path.join(bench, "target", "ours", server), threads)
    if server in FLOORS:
        return [built("floors", server), "--port", "0"] + row.floor.split()
    if server.startswith("socketioxide"):
        name = "system" if "-sys" in server else "mimalloc"
        typed = ["--binary"] if row.scenario == "binary" else []
        # Its one thread is a runtime of the current thread.
        return [built("socketioxide", name), "--port", "0", "--threads", "0" if threads == "1" else threads] + typed
    python = os.path.join(bench, "target", "venv", "bin", "python")
    return {
        "bun": [peer("js", "node_modules", "@oven", "bun-linux-x64", "bin", "bun"), peer("js", "bun.js")],
        "eiows": ["node", peer("eiows", "server.js")],
        "node": ["node", peer("js", "server.js")],
        "python": [python, peer("python", "server.py")],
        "python-gevent": [python, peer("python", "wsgi.py"), "gevent"],
        "python-threads": [python, peer("python", "wsgi.py"), "threading"],
    }[server] + ["0"]


def ours(program, threads="1"):
    """The contract's server with the heartbeat of the defaults."""
    return [program] + f"--port 0 --ping-interval-ms 25000 --ping-timeout-ms 20000 --threads {threads}".split()
