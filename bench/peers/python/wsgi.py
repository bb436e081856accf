"""The measured part of the contract server on python-socketio without asyncio: on gevent, or on threads of gunicorn."""

import sys

import socketio

# Handlers never wait, so running them in place is both the fastest and the ordered choice.
# `always_connect` lets the connection handler emit.
MODE, PORT = sys.argv[1], int(sys.argv[2])
io = socketio.Server(
    always_connect=True,
    async_handlers=False,
    async_mode=MODE,
    http_compression=False,
    ping_interval=25,
    ping_timeout=20,
)


@io.event
def connect(sid, environ, auth):
    io.emit("auth", auth or {}, to=sid)


@io.on("message")
def message(sid, *args):
    io.emit("message-back", args, to=sid)


@io.on("message-with-ack")
def message_with_ack(sid, *args):
    return args


@io.on("join")
def join(sid, room):
    io.enter_room(sid, room)
    return [room]


@io.on("room-emit")
def room_emit(sid, room, *args):
    io.emit("room-msg", args, to=room)


def say(address):
    print(f"listening on http://{address[0]}:{address[1]}", flush=True)


def on_gevent():
    from gevent.pywsgi import WSGIServer

    server = WSGIServer(("127.0.0.1", PORT), socketio.WSGIApp(io), backlog=4096, log=None)
    server.start()
    say(server.address)
    server.serve_forever()


def on_threads():
    from gunicorn.app.base import BaseApplication

    class Gunicorn(BaseApplication):
        def load_config(self):
            settings = {
                "bind": f"127.0.0.1:{PORT}",
                "backlog": 4096,
                "keepalive": 60,
                "loglevel": "error",
                "post_worker_init": lambda worker: say(worker.sockets[0].getsockname()),
                # A WebSocket keeps a thread; connections beyond the threads may be kept alive.
                "threads": 1100,
                "worker_connections": 2200,
                "workers": 1,
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self):
            return socketio.WSGIApp(io)

    Gunicorn().run()


on_gevent() if MODE == "gevent" else on_threads()
