"""When a score becomes an alert, and when the alert is over. Pure: values and a time in, transitions out."""
