"""What people read, from codes and numbers: the same in every command, message and page."""
