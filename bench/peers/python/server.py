"""The measured part of the contract server on python-socketio, uvicorn, uvloop and httptools."""

import socket
import sys

import socketio
import uvicorn

# Handlers never wait, so running them in place is both the fastest and the ordered choice.
# `always_connect` lets the connection handler emit.
io = socketio.AsyncServer(
    always_connect=True,
    async_handlers=False,
    async_mode="asgi",
    http_compression=False,
    ping_interval=25,
    ping_timeout=20,
)


@io.event
async def connect(sid, environ, auth):
    await io.emit("auth", auth or {}, to=sid)


@io.on("message")
async def message(sid, *args):
    await io.emit("message-back", args, to=sid)


@io.on("message-with-ack")
async def message_with_ack(sid, *args):
    return args


@io.on("join")
async def join(sid, room):
    await io.enter_room(sid, room)
    return [room]


@io.on("room-emit")
async def room_emit(sid, room, *args):
    await io.emit("room-msg", args, to=room)


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
    config = uvicorn.Config(
        socketio.ASGIApp(io),
        access_log=False,
        http="httptools",
        lifespan="off",
        log_level="error",
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


main()
