"""From the topic of alerts to the systems that tell people; see README.md."""
