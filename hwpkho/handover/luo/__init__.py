"""What LUO preserves: its sessions, their files, and the memory of those files."""
