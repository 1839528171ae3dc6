"""The MQTT edge: commands in, answers, events and the retained mirror out.

topics      what a topic is about, and back
inbox       a message becomes a command, its outcome an answer
doorman     which commands come late or twice
inputs      which messages of others are commands
mirror      a changed station becomes retained messages
outgoing    what waits for the broker
census      who else lives there
homeassistant  what Home Assistant must know of a station, announcer what of it it has been told
wire        the version of MQTT that it understands
connection  connect, look around, show everything, publish and listen
"""

from ocppd.edge.mqtt.connection import Mqtt
from ocppd.edge.mqtt.inputs import Input
from ocppd.edge.mqtt.topics import TargetError, parse_target
from ocppd.edge.mqtt.wire import Broker, Discovery, Pace

__all__ = ["Broker", "Discovery", "Input", "Mqtt", "Pace", "TargetError", "parse_target"]
