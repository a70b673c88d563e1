"""labcapture: elicit, record and safeguard RGB-D, voice and electrodermal sessions on one LSL clock.

Importing it teaches h5py to read the pictures of a session.
"""

from labcapture.recording.codecs import register as _register

__version__ = "0.1.0"

_register()
