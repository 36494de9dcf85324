"""What the commands print: for people, and as documents for programs."""
