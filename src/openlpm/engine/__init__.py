"""Use cases. All I/O goes through `ports`, all judgement comes from `decide`.

console     the one class that faces call
estate      the managed systems: connections, what was last seen
watch       keeps one system's connection and picture current
examine     gathers what validation judges
mover       drives one migration: look, advance, write, act
executor    runs movers, one for each unfinished migration
reconciler  finds unfinished migrations without a mover, at start and ever after
bell        wakes whoever waits for a change
"""
