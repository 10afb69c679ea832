"""Exactly-once batches inside Faust: the only room that knows Faust and aiokafka. Start at README.md."""
