"""The walk of the state space.

`state` is what the outside is at one moment, `world` what can happen there, `postcopy` what more
can where a move may be switched; `explore` is our side and the search, `honest` what a record may
say, `planted` the bugs that it must catch.
"""
