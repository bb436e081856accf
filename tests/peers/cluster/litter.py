"""Publishes lines of hexadecimal digits as messages of RabbitMQ: litter.py URL EXCHANGE KEY. Confirms each by a line."""

import asyncio
import sys

import aio_pika

URL, EXCHANGE, KEY = sys.argv[1:]


async def main():
    connection = await aio_pika.connect(URL)
    channel = await connection.channel()
    exchange = await channel.get_exchange(EXCHANGE, ensure=False)
    while line := await asyncio.to_thread(sys.stdin.readline):
        await exchange.publish(aio_pika.Message(bytes.fromhex(line.strip())), KEY)
        print('taken', flush=True)


asyncio.run(main())
