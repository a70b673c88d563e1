"""A session in the formats of others, one module each; all read through `labcapture.reading`.

An export never stands half made under its final name, refuses to overwrite, and goes on where it was cut off.
"""
