"""The headless process that owns devices, clock, protocol runner and recorder; and the client that talks to it."""
