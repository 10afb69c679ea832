"""What crosses the wire: message structs, topics, and the bytes between them. Knows nothing of `stream`."""
