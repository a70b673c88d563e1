"""The session on disk: its schema, the writer, the codecs, the journal, and what it says of quality."""
