"""The analyst's way into a session: read only, without Qt, PsychoPy, RealSense or PortAudio."""
