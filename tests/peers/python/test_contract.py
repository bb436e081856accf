"""Python clients against the contract server."""

import asyncio
import os
import sys
import threading
import time
import unittest
import uuid

import requests
import socketio
from peer import PARSER, PATIENCE, URL, AsyncPeer, Peer, on_every_transport, pattern, word

# The synchronous client handles every packet on a thread of its own, so a thread that loses its
# turn lets later packets overtake. Long turns make that rare; strict order is checked with asyncio.
sys.setswitchinterval(0.1)

TYPES = [
    None, True, False, 0, -1.5, 9007199254740991, 's', '', [], {}, [1, [2, [3]]], {'a': {'b': {'c': [None, 'x']}}},
]
# Over WebSocket the client may close before its DISCONNECT packets are written.
LEFT = {
    True: ['client namespace disconnect'],
    False: ['client namespace disconnect', 'transport close'],
}
# As much as a message may have; on polling, MessagePack is base64.
LARGE = 900_000 if PARSER == 'default' else 700_000
REFUSAL = {'message': 'not authorized', 'data': {'code': 401, 'reason': 'bad token'}}


def eventually(probe):
    end = time.monotonic() + PATIENCE
    while not probe() and time.monotonic() < end:
        time.sleep(0.01)
    return probe()


class SyncCase(unittest.TestCase):
    transports = None

    def peer(self, *namespaces, **options):
        made = Peer(self.transports, namespaces or ('/',), **options)
        self.addCleanup(made.close)
        return made

    def raw(self):
        made = socketio.Client(reconnection=False, handle_sigint=False, serializer=PARSER)
        self.addCleanup(made.disconnect)
        return made

    def open(self, client, namespace='/', **options):
        client.connect(URL, transports=self.transports, namespaces=[namespace], wait_timeout=PATIENCE, **options)


@on_every_transport
class Events(SyncCase):
    def test_message_comes_back_with_the_same_arguments(self):
        peer = self.peer()
        sent = [['one'], [1, 2.5, None, True], [[], {}], ['ü 世界 🦀 \x1e \u2028'], [{'ключ': [1, {'a': None}]}]]
        for n, args in enumerate(sent, 1):
            peer.emit('message', *args)
            self.assertEqual(peer.heard('message-back', n)[-1], args)

    def test_no_args_comes_back_without_arguments(self):
        peer = self.peer()
        peer.client.emit('no-args')
        self.assertEqual(peer.heard('no-args-back'), [[]])

    def test_an_event_may_be_sent_as_one_dict(self):
        peer = self.peer()
        peer.client.send({'a': [1, 2]})
        self.assertEqual(peer.heard('message-back'), [[{'a': [1, 2]}]])

    def test_get_types_sends_every_json_type(self):
        peer = self.peer()
        peer.emit('get-types')
        self.assertEqual(peer.heard('types'), [TYPES])

    def test_binary_comes_back_as_binary(self):
        peer = self.peer()
        args = [pattern(300), {'in': [pattern(0), 'text']}, 'tail']
        peer.emit('message', *args)
        self.assertEqual(peer.heard('message-back'), [args])

    def test_get_binary_nested_sends_binary_inside_containers(self):
        peer = self.peer()
        peer.emit('get-binary-nested')
        nested = {'name': 'n', 'parts': [pattern(3), {'inner': pattern(5)}], 'empty': b''}
        self.assertEqual(peer.heard('binary-nested'), [[nested, 'tail', pattern(2)]])

    def test_large_text_travels_both_ways(self):
        peer = self.peer()
        self.assertEqual(peer.ask('length', 'x' * LARGE), LARGE)
        # This client escapes every character beyond ASCII as six bytes.
        self.assertEqual(peer.ask('length', '世' * 150_000), 450_000)
        self.assertEqual(peer.ask('get-string', 3_000_000), 'x' * 3_000_000)

    def test_large_binary_travels_both_ways(self):
        peer = self.peer()
        size = 700_000 if self.transports == ['polling'] else 900_000
        self.assertEqual(peer.ask('length', pattern(size)), size)
        self.assertEqual(peer.ask('get-bytes', 2_000_000), pattern(2_000_000))

    def test_a_message_above_max_payload_ends_the_connection_only(self):
        peer, bystander = self.peer(), self.peer()
        peer.emit('message', 'x' * 1_200_000)
        peer.ended()
        self.assertEqual(bystander.ask('message-with-ack', 'alive'), 'alive')


@on_every_transport
class Acks(SyncCase):
    def test_call_returns_none_one_or_several_arguments(self):
        peer = self.peer()
        self.assertIsNone(peer.ask('message-with-ack'))
        self.assertEqual(peer.ask('message-with-ack', 'one'), 'one')
        self.assertEqual(peer.ask('message-with-ack', [1, 2]), [1, 2])
        self.assertEqual(peer.ask('message-with-ack', 'a', {'b': 1}, None), ('a', {'b': 1}, None))

    def test_an_ack_carries_binary(self):
        self.assertEqual(self.peer().ask('message-with-ack', pattern(9), [pattern(2)]), (pattern(9), [pattern(2)]))

    def test_a_callback_is_called_once(self):
        peer = self.peer()
        called = threading.Semaphore(0)
        replies = []

        def callback(*args):
            replies.append(args)
            called.release()

        peer.client.emit('message-with-ack', ('x', 1), callback=callback)
        self.assertTrue(called.acquire(timeout=PATIENCE))
        peer.ask('message-with-ack')
        self.assertEqual(replies, [('x', 1)])

    def test_a_slow_ack_does_not_hold_up_other_events(self):
        peer = self.peer()
        order = []
        late = threading.Event()

        def slow(value):
            order.append(value)
            late.set()

        peer.client.emit('slow-ack', (600, 'slow'), callback=slow)
        order.append(peer.ask('message-with-ack', 'quick'))
        self.assertTrue(late.wait(PATIENCE))
        self.assertEqual(order, ['quick', 'slow'])

    def test_never_ack_runs_into_the_timeout(self):
        peer = self.peer()
        with self.assertRaises(socketio.exceptions.TimeoutError):
            peer.client.call('never-ack', 1, timeout=0.3)
        self.assertEqual(peer.ask('message-with-ack', 'alive'), 'alive')

    def test_a_question_is_answered_by_what_the_handler_returns(self):
        peer = self.peer()
        answers = iter([('a', 2), {'b': [1]}, None, pattern(4)])
        peer.client.on('question', lambda *args: next(answers))
        for n, reply in enumerate([['a', 2], [{'b': [1]}], [], [pattern(4)]], 1):
            peer.emit('request-question', 10_000, 'what?', n)
            self.assertEqual(peer.heard('answer', n)[-1], reply)

    def test_a_question_carries_its_arguments(self):
        peer = self.peer()
        peer.client.on('question', lambda *args: tuple(reversed(args)))
        peer.emit('request-question', 10_000, 1, {'two': pattern(2)}, [3])
        self.assertEqual(peer.heard('answer'), [[[3], {'two': pattern(2)}, 1]])

    def test_a_reply_after_the_timeout_is_dropped(self):
        peer = self.peer()
        release = threading.Event()
        self.addCleanup(release.set)
        peer.client.on('question', lambda: release.wait(PATIENCE))
        peer.emit('request-question', 200)
        self.assertEqual(peer.heard('answer-timeout'), [[]])
        release.set()
        peer.ask('message-with-ack')
        self.assertEqual(peer.all('answer'), [])


@on_every_transport
class Rooms(SyncCase):
    def test_joining_and_leaving_answer_with_the_rooms(self):
        peer = self.peer()
        room = word('ü')
        self.assertEqual(peer.ask('rooms'), [])
        self.assertEqual(peer.ask('join', room), [room])
        self.assertEqual(peer.ask('room-size', room), 1)
        self.assertEqual(peer.ask('leave', room), [])
        self.assertEqual(peer.ask('room-size', room), 0)

    def test_a_room_hears_what_is_sent_to_it(self):
        inside, outside = self.peer(), self.peer()
        room = word('room')
        inside.ask('join', room)
        outside.emit('room-emit', room, 'text', pattern(30))
        self.assertEqual(inside.heard('room-msg'), [['text', pattern(30)]])
        outside.ask('message-with-ack')
        self.assertEqual(outside.all('room-msg'), [])

    def test_room_broadcast_leaves_the_sender_out(self):
        a, b = self.peer(), self.peer()
        room = word('room')
        a.ask('join', room)
        b.ask('join', room)
        a.emit('room-broadcast', room, 'others')
        a.emit('room-emit', room, 'everyone')
        a.heard('room-msg')
        self.assertEqual(sorted(b.heard('room-msg', 2)), [['everyone'], ['others']])
        self.assertEqual(a.all('room-msg'), [['everyone']])

    def test_room_ask_gathers_the_replies(self):
        a, b = self.peer(), self.peer()
        room = word('room')
        for n, peer in enumerate((a, b)):
            peer.ask('join', room)
            peer.client.on('room-question', lambda value, n=n: f'{value}-{n}')
        self.assertEqual(a.ask('room-ask', room, 10_000, 'v'), (False, ['v-0', 'v-1']))
        self.assertEqual(a.ask('room-ask', word('empty'), 10_000, 'v'), (False, []))

    def test_to_sid_reaches_one_socket(self):
        a, b = self.peer(), self.peer()
        a.emit('to-sid', b.sid(), 'you', 1)
        self.assertEqual(b.heard('direct-msg'), [['you', 1]])
        a.ask('message-with-ack')
        self.assertEqual(a.all('direct-msg'), [])

    def test_a_broadcast_reaches_the_others(self):
        namespace = f'/dyn-{uuid.uuid4().int}'
        a, b = self.peer(namespace), self.peer(namespace)
        a.emit('broadcast', 'hello', namespace=namespace)
        self.assertEqual(b.heard('broadcast-msg', namespace=namespace), [['hello']])
        a.ask('message-with-ack', namespace=namespace)
        self.assertEqual(a.all('broadcast-msg', namespace), [])


@on_every_transport
class Namespaces(SyncCase):
    def test_whoami_tells_what_the_client_sent(self):
        peer = self.peer(auth={'user': 'ü'}, headers={'X-Conf': 'yes'}, query='?a=b&c=d%20e')
        self.assertEqual(
            peer.ask('whoami'),
            {
                'sid': peer.sid(),
                'nsp': '/',
                'transport': 'polling' if self.transports == ['polling'] else 'websocket',
                'eio': 4,
                'auth': {'user': 'ü'},
                'query': {'a': 'b', 'c': 'd e'},
                'header': 'yes',
            },
        )
        self.assertEqual(peer.heard('auth'), [[{'user': 'ü'}]])

    def test_a_client_without_auth_gets_an_empty_object(self):
        self.assertEqual(self.peer().heard('auth'), [[{}]])

    def test_the_right_token_is_accepted(self):
        peer = self.peer('/auth', auth={'token': 'secret'})
        self.assertEqual(peer.ask('message-with-ack', 'in', namespace='/auth'), 'in')

    def test_a_wrong_token_is_refused_with_message_and_data(self):
        client = self.raw()
        errors = []
        client.on('connect_error', errors.append, namespace='/auth')
        with self.assertRaisesRegex(socketio.exceptions.ConnectionError, '/auth'):
            self.open(client, '/auth', auth={'token': 'guess'})
        self.assertEqual(errors, [REFUSAL])

    def test_an_unknown_namespace_is_refused(self):
        client = self.raw()
        errors = []
        client.on('connect_error', errors.append, namespace='/nope')
        with self.assertRaises(socketio.exceptions.ConnectionError):
            self.open(client, '/nope')
        self.assertEqual(errors, [{'message': 'Invalid namespace'}])

    def test_one_connection_carries_many_namespaces(self):
        names = ['/', '/custom', '/unicode-ü世', '/slow', '/dyn-12']
        peer = self.peer(*names)
        self.assertEqual(len({peer.sid(name) for name in names}), len(names))
        for name in names:
            peer.emit('message', name, pattern(3), namespace=name)
            self.assertEqual(peer.heard('message-back', namespace=name), [[name, pattern(3)]])
            self.assertEqual(peer.ask('whoami', namespace=name)['sid'], peer.sid(name))


@on_every_transport
class Endings(SyncCase):
    def test_a_client_that_disconnects_has_left_its_namespaces(self):
        peer, observer = self.peer('/', '/custom'), self.peer('/', '/custom')
        ids = {name: peer.sid(name) for name in ('/', '/custom')}
        peer.client.disconnect()
        for name, sid in ids.items():
            self.assertIn(observer.reason_of(sid, name), LEFT[self.transports == ['polling']])

    def test_a_client_that_drops_its_transport_is_a_transport_close(self):
        peer, observer = self.peer(), self.peer()
        sid = peer.sid()
        peer.client.eio.disconnect()
        self.assertEqual(observer.reason_of(sid), 'transport close')

    def test_disconnect_me_ends_one_namespace(self):
        peer, observer = self.peer('/', '/custom'), self.peer('/custom')
        sid = peer.sid('/custom')
        peer.emit('disconnect-me', False, namespace='/custom')
        self.assertEqual(peer.ended('/custom'), 'server disconnect')
        self.assertEqual(observer.reason_of(sid, '/custom'), 'server namespace disconnect')
        self.assertEqual(peer.ask('message-with-ack', 'alive'), 'alive')

    def test_disconnect_me_may_end_everything(self):
        peer, observer = self.peer('/', '/custom'), self.peer()
        sid = peer.sid()
        peer.emit('disconnect-me', True)
        self.assertEqual(peer.ended(), 'server disconnect')
        self.assertEqual(peer.ended('/custom'), 'server disconnect')
        self.assertEqual(observer.reason_of(sid), 'server namespace disconnect')

    def test_drop_transport_ends_the_connection(self):
        peer = self.peer()
        peer.emit('drop-transport')
        # The client names a CLOSE packet and a closed WebSocket differently.
        self.assertIn(peer.ended(), ['server disconnect', 'transport close', 'transport error'])

    def test_a_client_comes_back_after_drop_transport(self):
        client = socketio.Client(reconnection_delay=0.01, randomization_factor=0, handle_sigint=False, serializer=PARSER)
        self.addCleanup(client.shutdown)
        connects = threading.Semaphore(0)
        client.on('connect', connects.release)
        self.open(client)
        self.assertTrue(connects.acquire(timeout=PATIENCE))
        sid = client.get_sid()
        client.emit('drop-transport')
        if self.transports == ['polling']:
            # A CLOSE packet tells this client not to come back by itself.
            self.assertNotEqual(self.peer().sid(), sid)
        else:
            self.assertTrue(connects.acquire(timeout=PATIENCE))
            self.assertNotEqual(client.get_sid(), sid)

    def test_heartbeats_keep_an_idle_client(self):
        peer = self.peer()
        with peer.changed:
            ended = peer.changed.wait_for(lambda: peer.reasons, 4)
        self.assertFalse(ended, peer.reasons)
        self.assertEqual(peer.ask('message-with-ack', 'alive'), 'alive')


@on_every_transport
class Simple(SyncCase):
    def test_the_simple_client_emits_receives_and_calls(self):
        with socketio.SimpleClient(handle_sigint=False, serializer=PARSER) as client:
            client.connect(URL, transports=self.transports, auth={'me': 1}, wait_timeout=PATIENCE)
            self.assertEqual(client.receive(timeout=PATIENCE), ['auth', {'me': 1}])
            client.emit('message', ('a', pattern(3)))
            self.assertEqual(client.receive(timeout=PATIENCE), ['message-back', 'a', pattern(3)])
            self.assertEqual(client.call('message-with-ack', 'x', timeout=PATIENCE), 'x')
            self.assertEqual(client.transport, 'polling' if self.transports == ['polling'] else 'websocket')

    def test_the_simple_client_speaks_to_a_namespace(self):
        with socketio.SimpleClient(handle_sigint=False, serializer=PARSER) as client:
            client.connect(
                URL, transports=self.transports, namespace='/auth', auth={'token': 'secret'}, wait_timeout=PATIENCE
            )
            self.assertEqual(client.call('whoami', timeout=PATIENCE)['nsp'], '/auth')

    def test_the_simple_client_notices_that_the_server_ended_it(self):
        with socketio.SimpleClient(handle_sigint=False, reconnection=False, serializer=PARSER) as client:
            client.connect(URL, transports=self.transports, wait_timeout=PATIENCE)
            client.receive(timeout=PATIENCE)
            client.emit('disconnect-me', False)
            # A receive() that already waits is not woken by the end, so the end comes first.
            self.assertTrue(eventually(lambda: not client.connected))
            with self.assertRaises(socketio.exceptions.DisconnectedError):
                client.receive(timeout=PATIENCE)


@on_every_transport
class Async(unittest.IsolatedAsyncioTestCase):
    transports = None

    async def asyncSetUp(self):
        # The class turns it on. Each task then costs a stack trace: too slow to answer pings in time.
        asyncio.get_running_loop().set_debug(False)

    async def peer(self, namespace='/', auth=None):
        made = await AsyncPeer.connect(self.transports, namespace, auth)
        self.addAsyncCleanup(made.close)
        return made

    async def test_message_comes_back_with_text_and_binary(self):
        peer = await self.peer()
        args = ['ü', {'b': pattern(1000)}, [pattern(0)], None]
        await peer.emit('message', *args)
        self.assertEqual(await peer.heard('message-back'), [args])

    async def test_acks_in_flight_are_all_answered(self):
        peer = await self.peer()
        replies = await asyncio.gather(*(peer.ask('message-with-ack', n) for n in range(50)))
        self.assertEqual(replies, list(range(50)))

    async def test_a_question_is_answered_by_a_coroutine(self):
        peer = await self.peer()

        @peer.client.on('question')
        async def question(*args):
            await asyncio.sleep(0)
            return args + (pattern(2),)

        await peer.emit('request-question', 10_000, 1, 'two')
        self.assertEqual(await peer.heard('answer'), [[1, 'two', pattern(2)]])

    async def test_a_burst_reaches_the_client_in_order(self):
        peer = await self.peer()
        await peer.emit('burst', 1000)
        self.assertEqual(await peer.heard('seq', 1000), [[i] for i in range(1000)])

    async def test_a_burst_of_text_and_binary_reaches_the_client_in_order(self):
        peer = await self.peer()
        await peer.emit('burst-mixed', 300)
        expected = [[i, pattern(i % 7 + 1) if i % 3 == 0 else f't{i}'] for i in range(300)]
        self.assertEqual(await peer.heard('seq-mixed', 300), expected)

    async def test_a_burst_reaches_the_server_in_order(self):
        peer = await self.peer()
        for i in range(1000):
            await peer.emit('seq-in', i)
        self.assertEqual(await peer.ask('seq-check'), (1000, True))

    async def test_a_room_hears_what_is_sent_to_it(self):
        a, b = await self.peer(), await self.peer()
        room = word('room')
        self.assertEqual(await b.ask('join', room), [room])
        await a.emit('room-emit', room, 'in', pattern(5))
        self.assertEqual(await b.heard('room-msg'), [['in', pattern(5)]])

    async def test_a_wrong_token_is_refused(self):
        with self.assertRaises(socketio.exceptions.ConnectionError):
            await self.peer('/auth', {'token': 'guess'})
        peer = await self.peer('/auth', {'token': 'secret'})
        self.assertEqual(await peer.ask('message-with-ack', 'in'), 'in')

    async def test_endings_have_reasons(self):
        peer, left, observer = await self.peer(), await self.peer(), await self.peer()
        ids = [peer.sid(), left.sid()]
        await peer.emit('disconnect-me', False)
        await left.close()
        self.assertEqual(await peer.ended(), 'server disconnect')
        expected = [['server namespace disconnect'], LEFT[self.transports == ['polling']]]
        for sid, reasons in zip(ids, expected):
            while (reason := await observer.ask('disconnect-reason', sid)) is None:
                await asyncio.sleep(0.025)
            self.assertIn(reason, reasons)

    async def test_the_simple_client_emits_receives_and_calls(self):
        async with socketio.AsyncSimpleClient(handle_sigint=False, serializer=PARSER) as client:
            await client.connect(URL, transports=self.transports, wait_timeout=PATIENCE)
            self.assertEqual(await client.receive(timeout=PATIENCE), ['auth', {}])
            await client.emit('message', ('a', pattern(3)))
            self.assertEqual(await client.receive(timeout=PATIENCE), ['message-back', 'a', pattern(3)])
            self.assertEqual(await client.call('message-with-ack', 'x', timeout=PATIENCE), 'x')


class Http(unittest.TestCase):
    def test_health_is_ok(self):
        answer = requests.get(f'{URL}/health', timeout=PATIENCE)
        self.assertEqual((answer.status_code, answer.text), (200, 'ok'))

    def test_an_unknown_session_is_400_with_code_1(self):
        answer = requests.get(f'{URL}/socket.io/?EIO=4&transport=polling&sid=nobody', timeout=PATIENCE)
        self.assertEqual((answer.status_code, answer.json()['code']), (400, 1))


if __name__ == '__main__':
    result = unittest.main(exit=False, warnings='ignore').result
    failed = len(result.failures) + len(result.errors)
    print(f'{os.environ.get("NAME", "python")}: {result.testsRun - failed} passed, {failed} failed', flush=True)
    sys.exit(1 if failed or result.testsRun == 0 else 0)
