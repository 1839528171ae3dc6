"""OCPP 2.0.1 charging stations as a daemon, mirrored to and driven by MQTT."""

__version__ = "0.1.0"
