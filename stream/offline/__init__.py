"""What is done to files and histories, without Kafka: real and generated interactions, replay, evaluation."""
