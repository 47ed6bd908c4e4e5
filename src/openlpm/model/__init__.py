"""The nouns: frozen dataclasses and enums, and the error tree. Imports nothing of ours.

Start with `system` (a server), `partition` (what runs on it), `hardware` (what a partition
holds), `sight` (where a partition was seen) and `migration` (the record of one move).
Units are in the names: `_mib` is MiB, `_s` seconds, `_ms` milliseconds, `_bytes_s` bytes/s.
"""
