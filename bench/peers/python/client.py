"""Clients on python-socketio, as bench/clients drives them: client.py URL echo|connect|idle CLIENTS IN_FLIGHT"""

import asyncio
import os
import sys

import socketio
import uvloop

URL, SCENARIO, CLIENTS, IN_FLIGHT = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
TEXT = "abcdefghijklmnopqrstuvwxyz012345"
done = 0
sending = True


async def main():
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("started", flush=True)
    await lines.readline()
    clients = [await dial() for _ in range(CLIENTS)]
    print("ready", flush=True)
    turns = asyncio.gather(*(TURNS[SCENARIO](client) for client in clients))
    while await lines.readline():
        print(done, flush=True)
    global sending
    sending = False
    await turns


async def dial():
    """A client that the server has greeted."""
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
    greeted = asyncio.Event()
    client.on("auth", lambda _: greeted.set())
    client.on("disconnect", lambda reason: reason == client.reason.CLIENT_DISCONNECT or fail(reason))
    await client.connect(URL, transports=["websocket"])
    await greeted.wait()
    return client


async def echo(client):
    """Keeps messages in flight until none is sent any more and all have come back, in order."""
    sent, received, ended = 0, 0, asyncio.Event()

    async def send():
        nonlocal sent
        sent += 1
        await client.emit("message", (sent - 1, TEXT))

    async def came(n, text):
        nonlocal received
        global done
        if (n, text) != (received, TEXT):
            fail(f"wrong reply {n} {text}")
        received += 1
        done += 1
        if sending:
            await send()
        elif received == sent:
            ended.set()

    client.on("message-back", came)
    for _ in range(IN_FLIGHT):
        await send()
    await ended.wait()


async def reconnect(client):
    global done
    while True:
        await client.disconnect()
        done += 1
        if not sending:
            return
        client = await dial()


async def idle(client):
    pass


def fail(why):
    print(f"client: {why}", file=sys.stderr, flush=True)
    os._exit(1)


TURNS = {"echo": echo, "connect": reconnect, "idle": idle}
uvloop.run(main())
os._exit(0)
