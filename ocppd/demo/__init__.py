"""What a demonstration or a test needs around the daemon: an MQTT broker and a small CSMS, on loopback."""
