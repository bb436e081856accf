"""Clients of python-socketio 4, which speak Engine.IO 3, against the contract server."""

import asyncio
import os
import sys
import threading
import unittest

import socketio

URL = os.environ.get('CONTRACT_URL', 'http://127.0.0.1:5000')

# The longest wait for anything that must happen, in seconds.
PATIENCE = 60

# None lets the client open with polling and upgrade, its default.
WAYS = [['polling'], ['websocket'], None]


def pattern(length):
    return bytes(i % 251 for i in range(length))


class Sync(unittest.TestCase):
    def open(self, transports, *namespaces, query=''):
        client = socketio.Client(reconnection=False)
        self.addCleanup(client.disconnect)
        joined = {name: threading.Event() for name in namespaces}
        for name, event in joined.items():
            client.on('connect', event.set, namespace=name)
        client.connect(URL + query, transports=transports, namespaces=list(namespaces))
        for name, event in joined.items():
            self.assertTrue(event.wait(PATIENCE), name)
        return client

    def test_events_come_back(self):
        for transports in WAYS:
            client = self.open(transports, '/')
            back, done = [], threading.Event()

            def note(*args):
                back.append(list(args))
                done.set()

            client.on('message-back', note)
            args = ['ü 世界 🦀', 1.5, {'a': [None, True]}, pattern(300)]
            client.emit('message', tuple(args))
            self.assertTrue(done.wait(PATIENCE))
            self.assertEqual(back, [args])

    def test_acknowledgements_go_both_ways(self):
        for transports in WAYS:
            client = self.open(transports, '/')
            ask = lambda *args: client.call('message-with-ack', args, timeout=PATIENCE)
            self.assertEqual(ask('a', {'b': 1}, pattern(3)), ('a', {'b': 1}, pattern(3)))
            self.assertEqual(client.call('get-bytes', 100_000, timeout=PATIENCE), pattern(100_000))
            answers, done = [], threading.Event()

            def note(*args):
                answers.append(list(args))
                done.set()

            client.on('question', lambda value: (value, pattern(2)))
            client.on('answer', note)
            client.emit('request-question', (60_000, 'why'))
            self.assertTrue(done.wait(PATIENCE))
            self.assertEqual(answers, [['why', pattern(2)]])

    def test_a_session_has_one_id_in_all_namespaces(self):
        for transports in WAYS:
            client = self.open(transports, '/', '/custom')
            for namespace, sid in [('/', client.sid), ('/custom', f'/custom#{client.sid}')]:
                shown = client.call('whoami', namespace=namespace, timeout=PATIENCE)
                self.assertEqual([shown['sid'], shown['eio'], shown['nsp']], [sid, 3, namespace])


class Async(unittest.TestCase):
    def test_bursts_arrive_whole(self):
        async def burst(transports):
            client = socketio.AsyncClient(reconnection=False)
            await client.connect(URL, transports=transports)
            seen, done = [], asyncio.Event()

            @client.on('message-back')
            async def note(number):
                seen.append(number)
                if len(seen) == 300:
                    done.set()

            for number in range(300):
                await client.emit('message', number)
            await asyncio.wait_for(done.wait(), PATIENCE)
            await client.disconnect()
            self.assertEqual(sorted(seen), list(range(300)))

        for transports in WAYS:
            asyncio.run(burst(transports))


if __name__ == '__main__':
    outcome = unittest.main(exit=False, warnings='ignore').result
    failed = len(outcome.failures) + len(outcome.errors)
    print(f'{os.environ.get("NAME", "python")}: {outcome.testsRun - failed} passed, {failed} failed', flush=True)
    sys.exit(1 if failed or outcome.testsRun == 0 else 0)
