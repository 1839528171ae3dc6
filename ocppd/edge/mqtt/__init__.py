"""The MQTT edge: commands in, answers, events and the retained mirror out.

topics      what a topic is about, and back
inbox       a message becomes a command, its outcome an answer
mirror      a changed station becomes retained messages
connection  the broker: connect, subscribe, publish, reconnect
"""

from ocppd.edge.mqtt.connection import Broker, Mqtt, Pace
from ocppd.edge.mqtt.inputs import Input
from ocppd.edge.mqtt.topics import TargetError, parse_target

__all__ = ["Broker", "Input", "Mqtt", "Pace", "TargetError", "parse_target"]
