"""A node of python-socketio behind Redis or RabbitMQ, with the events that the checks of clusters use."""

import argparse
import asyncio
import re
import signal

import socketio
from aiohttp import web

parser = argparse.ArgumentParser()
parser.add_argument('--port', type=int, default=0)
parser.add_argument('--bus', required=True)
parser.add_argument('--bus-format', default='python')
parser.add_argument('--channel', default='socketio')
parser.add_argument('--node', default='python')
parser.add_argument('--bus-timeout-ms', type=int, default=5000)
flags = parser.parse_args()

Manager = socketio.AsyncAioPikaManager if flags.bus.startswith('amqp') else socketio.AsyncRedisManager
manager = Manager(flags.bus, channel=flags.channel)
sio = socketio.AsyncServer(
    async_mode='aiohttp', client_manager=manager, namespaces='*', ping_interval=25, ping_timeout=20
)
OPEN = {'/', '/custom', '/unicode-ü世', '/g[ab]', '/glob*', '/glob-x'}


@sio.on('connect', namespace='*')
async def connect(nsp, sid, environ, auth):
    if nsp not in OPEN and not re.fullmatch(r'/dyn-\d+', nsp):
        raise socketio.exceptions.ConnectionRefusedError('Invalid namespace')


def rooms(nsp, sid):
    return sorted(room for room in sio.rooms(sid, namespace=nsp) if room != sid)


def members(nsp, room):
    return sorted(sid for sid, _ in manager.get_participants(nsp, room))


async def emit(event, args, nsp, **rest):
    await sio.emit(event, tuple(args), namespace=nsp, **rest)


HANDLERS = {}


def on(event):
    def register(handler):
        HANDLERS[event] = handler
        return handler

    return register


@on('join')
async def join(nsp, sid, room):
    await sio.enter_room(sid, room, namespace=nsp)
    return rooms(nsp, sid)


@on('leave')
async def leave(nsp, sid, room):
    await sio.leave_room(sid, room, namespace=nsp)
    return rooms(nsp, sid)


@on('rooms')
async def own_rooms(nsp, sid):
    return rooms(nsp, sid)


@on('room-emit')
async def room_emit(nsp, sid, room, *args):
    await emit('room-msg', args, nsp, room=room)


@on('room-broadcast')
async def room_broadcast(nsp, sid, room, *args):
    await emit('room-msg', args, nsp, room=room, skip_sid=sid)


@on('rooms-emit')
async def rooms_emit(nsp, sid, several, *args):
    await emit('room-msg', args, nsp, room=several)


@on('room-emit-except')
async def room_emit_except(nsp, sid, room, other, *args):
    await emit('room-msg', args, nsp, room=room, skip_sid=other)


@on('broadcast')
async def broadcast(nsp, sid, *args):
    await emit('broadcast-msg', args, nsp, skip_sid=sid)


@on('emit-all')
async def emit_all(nsp, sid, *args):
    await emit('broadcast-msg', args, nsp)


@on('to-sid')
async def to_sid(nsp, sid, other, *args):
    await emit('direct-msg', args, nsp, to=other)


@on('message-with-ack')
async def message_with_ack(nsp, sid, *args):
    return args


@on('node')
async def node(nsp, sid):
    return flags.node


@on('cluster-size')
async def cluster_size(nsp, sid):
    return (None,)


@on('fetch')
async def fetch(nsp, sid, room):
    return 'unsupported', members(nsp, room)


@on('room-close')
async def room_close(nsp, sid, room):
    await sio.close_room(room, namespace=nsp)


@on('sid-join')
async def sid_join(nsp, sid, other, room):
    await sio.enter_room(other, room, namespace=nsp)


@on('sid-leave')
async def sid_leave(nsp, sid, other, room):
    await sio.leave_room(other, room, namespace=nsp)


@on('sid-disconnect')
async def sid_disconnect(nsp, sid, other):
    await sio.disconnect(other, namespace=nsp)


@on('sid-ask')
async def sid_ask(nsp, sid, other, ms, value):
    try:
        reply = await sio.call('room-question', value, to=other, namespace=nsp, timeout=ms / 1000)
    except socketio.exceptions.TimeoutError:
        return True, None
    return False, reply


@on('emit-seq')
async def emit_seq(nsp, sid, room, n):
    for i in range(n):
        await emit('room-msg', [i], nsp, room=room)


@sio.on('*', namespace='*')
async def every(event, nsp, sid, *args):
    return await HANDLERS[event](nsp, sid, *args)


async def main():
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, '127.0.0.1', flags.port)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f'listening on http://{host}:{port}', flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()


asyncio.run(main())
