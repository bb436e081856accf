"""A python-socketio server for client drivers: `server.py async` or `server.py threads`."""

import asyncio
import sys

import socketio
from aiohttp import web


def handlers(server, name, is_async):
    """Registers what drivers ask for in one namespace."""

    async def finish(result):
        return await result if is_async else result

    async def connect(sid, environ, auth=None):
        if name == '/strict' and (auth or {}).get('token') != 'secret':
            raise socketio.exceptions.ConnectionRefusedError('not authorized', {'code': 401})
        await finish(server.emit('welcome', auth or {}, to=sid, namespace=name))

    async def echo(sid, *args):
        await finish(server.emit('echo', args, to=sid, namespace=name))

    async def reply(sid, *args):
        return args

    async def large(sid, size):
        return 'x' * size, bytes(size)

    async def ask(sid, event, *args):
        answer = await finish(server.call(event, args, to=sid, namespace=name))
        await finish(server.emit('asked', answer, to=sid, namespace=name))

    async def leave(sid):
        await finish(server.disconnect(sid, namespace=name))

    async def cut(sid):
        engine = server.manager.eio_sid_from_sid(sid, name)
        await finish(server.eio.disconnect(engine))

    for handler in (connect, echo, reply, large, ask, leave, cut):
        server.on(handler.__name__, in_step(handler) if not is_async else handler, namespace=name)


def in_step(handler):
    """Runs a coroutine that never waits."""

    def run(*args):
        try:
            handler(*args).send(None)
        except StopIteration as end:
            return end.value

    return run


async def serve_async():
    server = socketio.AsyncServer(async_mode='aiohttp', ping_interval=2, ping_timeout=20)
    for name in ('/', '/a', '/strict'):
        handlers(server, name, is_async=True)
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, '127.0.0.1', 0)
    await site.start()
    print(f'http://127.0.0.1:{runner.addresses[0][1]}', flush=True)
    await asyncio.Event().wait()


def serve_threads():
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = 'HTTP/1.0'

        def log_message(self, *_):
            pass

    class Threads(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    server = socketio.Server(async_mode='threading', ping_interval=2, ping_timeout=20)
    for name in ('/', '/a', '/strict'):
        handlers(server, name, is_async=False)
    http = make_server('127.0.0.1', 0, socketio.WSGIApp(server), Threads, Quiet)
    print(f'http://127.0.0.1:{http.server_port}', flush=True)
    http.serve_forever()


if sys.argv[1] == 'async':
    asyncio.run(serve_async())
else:
    serve_threads()
