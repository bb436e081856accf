"""Servers of python-socketio behind RabbitMQ, by aio_pika and by kombu: rabbitmq.py URL.

They say what comes to them as lines of JSON, and emit one event each after the first of these.
"""

import asyncio
import json
import sys

import socketio

URL = sys.argv[1]


class Pika(socketio.AsyncAioPikaManager):
    """A manager that prints the messages of others."""

    def __init__(self, url):
        super().__init__(url)
        self.heard = asyncio.Event()

    async def _handle_emit(self, message):
        print(json.dumps(message), flush=True)
        self.heard.set()


async def main():
    pika = Pika(URL)
    server = socketio.AsyncServer(client_manager=pika, async_mode="asgi")
    pika.set_server(server)
    pika.initialize()
    kombu = socketio.KombuManager(URL, write_only=True)
    # It subscribes in the background: whoever tests emits until something comes.
    await pika.heard.wait()
    await pika.emit("by-pika", {"a": [1, b"\x00\xff"]}, namespace="/chat", room="readers")
    await asyncio.to_thread(kombu.emit, "by-kombu", ["é"], skip_sid="sid")
    await asyncio.Event().wait()


asyncio.run(main())
