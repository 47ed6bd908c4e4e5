"""The command line `lpm`: a client of the console's REST API, and nothing more.

Start with `main` (the commands and how they are found), then any noun: a command asks the
console through `client`, and prints the answer with `output`. Errors are `problem.Problem`s;
`exits` gives each kind its exit code. A move is followed in `follow` and shown by `show_plain`
or `show_rich`.

Nothing of the engine, the adapters or FastAPI is imported here, and every module only when its
command runs: `lpm --help` must be there at once.
"""
