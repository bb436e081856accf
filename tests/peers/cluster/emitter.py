"""Emits to a cluster of python-socketio what standard input says, one JSON object per line, and serves nobody."""

import argparse
import asyncio
import json
import sys

import socketio

parser = argparse.ArgumentParser()
parser.add_argument('--bus', required=True)
parser.add_argument('--channel', default='socketio')
flags = parser.parse_args()


def binary(value):
    """Makes bytes of each `{"$hex": "00ff"}`."""
    if isinstance(value, list):
        return [binary(item) for item in value]
    if isinstance(value, dict):
        if '$hex' in value:
            return bytes.fromhex(value['$hex'])
        return {key: binary(item) for key, item in value.items()}
    return value


async def say(manager, line):
    nsp, rooms = line.get('nsp', '/'), line.get('rooms', [])
    match line.get('op', 'emit'):
        case 'emit':
            args = tuple(binary(line.get('args', [])))
            await manager.emit(line['event'], args, nsp, room=rooms or None, skip_sid=line.get('except') or None)
        case 'join':
            await manager.enter_room(rooms[0], nsp, line['to'][0])
        case 'leave':
            await manager.leave_room(rooms[0], nsp, line['to'][0])
        case 'disconnect':
            await manager.can_disconnect(rooms[0], nsp)
        case 'close':
            await manager.close_room(rooms[0], nsp)


async def main():
    manager = socketio.AsyncRedisManager(flags.bus, channel=flags.channel, write_only=True)
    for line in sys.stdin:
        await say(manager, json.loads(line))


asyncio.run(main())
