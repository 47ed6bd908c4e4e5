"""The walk of the state space: `world` (what is outside), `explore` (our side, the search)."""
