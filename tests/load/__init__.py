"""The benchmark: ocppd beside the floors R and B, in the same minute on the same machine.

R (`floor`) is what any program pays that is so many WebSocket clients in one process, B (`bridge`) what any
pays that turns an MQTT message into an OCPP frame and its answer into an MQTT message.

python -m tests.load                   all of it, a quarter of an hour, into docs/performance.md
python -m tests.load --quick           once, with fewer stations, for a first look
python -m tests.load --only soak       memory over a million messages
"""
