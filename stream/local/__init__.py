"""A real Apache Kafka on this machine's loopback, from two wheels and a lock file.

`broker.LocalKafka` is the whole surface: start, stop, status. Importing this package loads nothing.
"""
