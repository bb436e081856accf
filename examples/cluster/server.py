"""A server of the chat in Python: python-socketio with the events of examples/src/chat.rs, and those that the servers of a
cluster tell each other by, which examples/src/chat/others.rs explains."""

import argparse
import asyncio
import secrets
import signal
import time
from collections import Counter, deque

import socketio
from aiohttp import web

parser = argparse.ArgumentParser()
for flag in ("--port", "--redis", "--node"):
    parser.add_argument(flag, required=True)
flags = parser.parse_args()
SERVER = flags.node

sio = socketio.AsyncServer(
    async_mode="aiohttp",
    client_manager=socketio.AsyncRedisManager(f"unix://{flags.redis}"),
    namespaces=["/", "/activity", "/servers"],
)
# A load balancer reads from the id of a session which server has it. Ids of clients are made by the same function; that
# other servers know them for such they need 20 letters, digits, - and _.
sio.eio.generate_id = lambda: f"{SERVER}-{secrets.token_urlsafe(18)}"[:20]

people = {}
# Members by server, and the beats of this one since the other told them.
others = {}
histories = {}


def here():
    return [person for person in people.values() if "room" in person]


def everybody():
    return here() + [member for members, _ in others.values() for member in members]


def users(room):
    return sorted(member["name"] for member in everybody() if member["room"] == room)


def rooms():
    counts = Counter(member["room"] for member in everybody())
    return [{"name": name, "members": members} for name, members in sorted(counts.items())]


async def tell_members(room):
    # To the clients of this server alone.
    await sio.emit("users", users(room), room=room, ignore_queue=True)
    await sio.emit("rooms", rooms(), ignore_queue=True)
    if not users(room):
        histories.pop(room, None)


async def tell_others():
    await sio.emit("members", {"server": SERVER, "members": here()}, namespace="/servers")


def now():
    return int(time.time() * 1000)


def remember(room, said):
    histories.setdefault(room, deque(maxlen=50)).append(said)


def trimmed(value, most):
    """The text without space around it, when its length is allowed."""
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= most else None


def refused(error):
    return {"ok": False, "error": error}


@sio.event
async def login(sid, value):
    name = trimmed(value, 24)
    if name is None:
        return refused("a name has 1 to 24 characters")
    people.setdefault(sid, {})["name"] = name
    return {"ok": True, "id": sid, "name": name, "server": SERVER}


@sio.event
async def enter(sid, value):
    room = trimmed(value, 32)
    if room is None:
        return refused("a room name has 1 to 32 characters")
    if sid not in people:
        return refused("log in before you enter a room")
    if sio.manager.is_connected(room, "/"):
        return refused("this room is somebody's own")
    before = people[sid].get("room")
    people[sid]["room"] = room
    if before not in (None, room):
        await sio.leave_room(sid, before)
    await sio.enter_room(sid, room)
    # After what is returned here, so that the page knows its room when the news of it comes.
    sio.start_background_task(announce, sid, people[sid]["name"], before, room)
    return {"room": room, "users": users(room), "rooms": rooms(), "history": list(histories.get(room, []))}


async def announce(sid, name, before, room):
    if before not in (None, room):
        await left(name, before)
    await sio.emit("notice", {"text": f"{name} joined", "time": now()}, room=room, skip_sid=sid)
    await tell_members(room)
    await tell_others()


async def left(name, room):
    await sio.emit("notice", {"text": f"{name} left", "time": now()}, room=room)
    await tell_members(room)
    await tell_others()


@sio.event
async def say(sid, value):
    text = trimmed(value, 4000)
    if text is None:
        return refused("a message has 1 to 4000 characters")
    person = people.get(sid, {})
    if "room" not in person:
        return refused("enter a room before you talk")
    room = person["room"]
    said = {"author": person["name"], "id": sid, "text": text, "time": now()}
    remember(room, said)
    await sio.emit("message", said, room=room, skip_sid=sid)
    await sio.emit("said", room, namespace="/activity")
    await sio.emit("said", {"server": SERVER, "room": room, "said": said}, namespace="/servers")
    return {"ok": True, "time": said["time"]}


@sio.event
async def typing(sid, value):
    person = people.get(sid, {})
    if "room" in person:
        typing = {"name": person["name"], "typing": value is True}
        await sio.emit("typing", typing, room=person["room"], skip_sid=sid)


@sio.event
async def disconnect(sid, reason):
    person = people.pop(sid, {})
    if "room" in person:
        await left(person["name"], person["room"])


# Listens to the other servers, as a client of this one.
listener = socketio.AsyncClient()


@listener.on("members", namespace="/servers")
async def members(told):
    if told["server"] == SERVER:
        return
    before, _ = others.get(told["server"], ([], 0))
    others[told["server"]] = told["members"], 0
    if before != told["members"]:
        for room in {member["room"] for member in before + told["members"]}:
            await tell_members(room)


@listener.on("said", namespace="/servers")
async def said(told):
    if told["server"] != SERVER:
        remember(told["room"], told["said"])


async def beat():
    while True:
        await tell_others()
        for server, (members, beats) in list(others.items()):
            others[server] = members, beats + 1
            if beats >= 4:
                del others[server]
                for member in members:
                    notice = {"text": f"{member['name']} left", "time": now()}
                    await sio.emit("notice", notice, room=member["room"], ignore_queue=True)
                    await tell_members(member["room"])
        await sio.sleep(1)


async def main():
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(flags.port)).start()
    host, port = runner.addresses[0][:2]
    url = f"http://{host}:{port}"
    print(f"listening on {url}", flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    sio.start_background_task(beat)
    await listener.connect(url, namespaces=["/servers"], retry=True)
    await end.wait()


asyncio.run(main())
