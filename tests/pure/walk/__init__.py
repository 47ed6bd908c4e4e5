"""The walk of the state space.

`world` is what is outside, `explore` our side and the search, `honest` what a record may say.
"""
