"""The analyst's viewer: a window over one session. It reads through `labcapture.reading` alone."""
