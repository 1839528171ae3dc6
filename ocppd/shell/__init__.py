"""`ocppd shell`: commands typed to the stations of running daemons, and their events as they come.

`grammar` reads a line and `answers` words what comes of it, both pure; `catalogue` is what the daemons say
there is, out of which `completion` offers what fits. `session` is a conversation over MQTT, had by a person
at the `prompt` or by a program through the `pipe`.
"""
