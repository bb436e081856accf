"""A client of python-socketio behind a load balancer: URL, the way it takes, and how many messages it exchanges."""

import sys
import threading

import engineio
import socketio

# The client refuses a polling answer of more than 16 packets unless told otherwise.
engineio.payload.Payload.max_decode_packets = 5000

url, way, messages = sys.argv[1], sys.argv[2], int(sys.argv[3])
transports = {'polling': ['polling'], 'websocket': ['websocket'], 'upgrading': None}[way]

client = socketio.Client(reconnection=False, handle_sigint=False)
# The client handles each message in a thread of its own, which may overtake others: here they are handled in order.
trigger = client.eio._trigger_event
client.eio._trigger_event = lambda *event, **how: trigger(*event, **(how | {'run_async': False}))
back = []
done = threading.Event()
gone = []


@client.on('message-back')
def message_back(n):
    back.append(n)
    if len(back) == messages:
        done.set()


@client.on('disconnect')
def disconnect(reason):
    gone.append(reason)


client.connect(url, transports=transports, wait_timeout=20)
for n in range(messages):
    client.emit('message', n)
assert done.wait(30), f'{len(back)} of {messages} came back'
assert back == list(range(messages)), back
large = bytes(i % 251 for i in range(1_000_000))
answer = client.call('message-with-ack', large, timeout=30)
assert answer == large, 'the large message came back as another'
assert client.transport() == ('polling' if way == 'polling' else 'websocket'), client.transport()
assert not gone, gone
client.disconnect()
