"""Runs the mock cluster of librdkafka, and writes its port to the file that is named."""

import os
import signal
import sys

from confluent_kafka import Producer

producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
[broker] = producer.list_topics(timeout=30).brokers.values()
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(broker.port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
signal.pause()
