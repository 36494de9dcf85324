"""Text that machines log: made clean, and searched for the lines that concern a reader."""
