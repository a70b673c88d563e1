"""labcapture: elicit, record and safeguard RGB-D, voice and electrodermal sessions on one LSL clock."""

__version__ = "0.1.0"
