"""Python clients with an inbox, shared by all checks."""

import asyncio
import os
import sys
import threading
import uuid

import engineio
import socketio

URL = os.environ.get('CONTRACT_URL', 'http://127.0.0.1:5000')

# What reads and writes packets, as the server has it: default or msgpack.
PARSER = os.environ.get('PARSER', 'default')

# The longest wait for anything that must happen, in seconds.
PATIENCE = 60

# None lets the client open with polling and upgrade, its default.
TRANSPORTS = {'Polling': ['polling'], 'WebSocket': ['websocket'], 'Upgrade': None}

# The client refuses a polling answer of more than 16 packets unless told otherwise, and a server
# may put everything it has into one answer. The limit is read through the class at every decode.
engineio.payload.Payload.max_decode_packets = 5000


def on_every_transport(case):
    """Replaces a test case by one subclass per transport."""
    module = sys.modules[case.__module__]
    for name, transports in TRANSPORTS.items():
        made = type(f'{case.__name__}{name}', (case,), {'transports': transports, '__module__': case.__module__})
        setattr(module, made.__name__, made)


def word(prefix):
    return f'{prefix}-{uuid.uuid4().hex}'


def pattern(length):
    return bytes(i % 251 for i in range(length))


class Peer:
    """A synchronous client and everything its namespaces received."""

    def __init__(self, transports, namespaces=('/',), auth=None, headers=None, query=''):
        self.client = socketio.Client(reconnection=False, handle_sigint=False, serializer=PARSER)
        self.heard_all = []
        self.reasons = {}
        self.changed = threading.Condition()
        for namespace in namespaces:
            self._listen(namespace)
        try:
            self.client.connect(
                URL + query,
                headers=headers or {},
                auth=auth,
                transports=transports,
                namespaces=list(namespaces),
                wait_timeout=PATIENCE,
            )
        except socketio.exceptions.ConnectionError:
            self.client.eio.disconnect()
            raise

    def _listen(self, namespace):
        @self.client.on('*', namespace=namespace)
        def note(name, *args):
            with self.changed:
                self.heard_all.append((namespace, name, list(args)))
                self.changed.notify_all()

        @self.client.on('disconnect', namespace=namespace)
        def end(reason):
            with self.changed:
                self.reasons[namespace] = reason
                self.changed.notify_all()

    def sid(self, namespace='/'):
        return self.client.get_sid(namespace)

    def emit(self, name, *args, namespace='/'):
        self.client.emit(name, args, namespace=namespace)

    def ask(self, name, *args, namespace='/'):
        """Emits with an ack id: None, the one argument, or a tuple of several."""
        return self.client.call(name, args, namespace=namespace, timeout=PATIENCE)

    def all(self, name, namespace='/'):
        return [args for at, what, args in self.heard_all if (at, what) == (namespace, name)]

    def heard(self, name, count=1, namespace='/'):
        """Waits for `count` events; returns their argument lists."""
        with self.changed:
            done = self.changed.wait_for(lambda: len(self.all(name, namespace)) >= count, PATIENCE)
        end = self.reasons.get(namespace, 'still connected')
        assert done, f'{len(self.all(name, namespace))} of {count} x {name}; {end}'
        return self.all(name, namespace)

    def ended(self, namespace='/'):
        """Waits for the end of a namespace; returns the reason the client gives."""
        with self.changed:
            assert self.changed.wait_for(lambda: namespace in self.reasons, PATIENCE), 'still connected'
        return self.reasons[namespace]

    def reason_of(self, sid, namespace='/'):
        """The server's reason for a socket that is gone."""
        pause = threading.Event()
        for _ in range(PATIENCE * 40):
            reason = self.ask('disconnect-reason', sid, namespace=namespace)
            if reason is not None:
                return reason
            pause.wait(0.025)
        raise AssertionError(f'{sid} is not gone')

    def close(self):
        self.client.disconnect()


class AsyncPeer:
    """An asyncio client of one namespace and everything it received."""

    @classmethod
    async def connect(cls, transports, namespace='/', auth=None):
        self = cls(namespace)
        await self.client.connect(
            URL, auth=auth, transports=transports, namespaces=[namespace], wait_timeout=PATIENCE
        )
        return self

    def __init__(self, namespace):
        self.client = socketio.AsyncClient(reconnection=False, handle_sigint=False, serializer=PARSER)
        self.namespace = namespace
        self.heard_all = []
        self.changed = asyncio.Condition()
        self.reason = asyncio.get_running_loop().create_future()

        @self.client.on('*', namespace=namespace)
        async def note(name, *args):
            self.heard_all.append((name, list(args)))
            async with self.changed:
                self.changed.notify_all()

        @self.client.on('disconnect', namespace=namespace)
        async def end(reason):
            if not self.reason.done():
                self.reason.set_result(reason)

    def sid(self):
        return self.client.get_sid(self.namespace)

    async def emit(self, name, *args):
        await self.client.emit(name, args, namespace=self.namespace)

    async def ask(self, name, *args):
        return await self.client.call(name, args, namespace=self.namespace, timeout=PATIENCE)

    def all(self, name):
        return [args for what, args in self.heard_all if what == name]

    async def heard(self, name, count=1):
        async with self.changed:
            arrival = self.changed.wait_for(lambda: len(self.all(name)) >= count)
            try:
                await asyncio.wait_for(arrival, PATIENCE)
            except TimeoutError:
                end = self.reason.result() if self.reason.done() else 'still connected'
                raise AssertionError(f'{len(self.all(name))} of {count} x {name}; {end}') from None
        return self.all(name)

    async def ended(self):
        return await asyncio.wait_for(self.reason, PATIENCE)

    async def close(self):
        await self.client.disconnect()
