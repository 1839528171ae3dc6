"""`ocppd watch`: a live view of the fleet, out of what the daemons tell over MQTT.

`picture` puts the topics together, without I/O; `lines` writes what changes in it, `screen` draws it, in the
words and colours of `details`. `target` says which stations.
"""
