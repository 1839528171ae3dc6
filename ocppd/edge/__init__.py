"""The thin edges: one module each for the CSMS link, MQTT and the state file."""
