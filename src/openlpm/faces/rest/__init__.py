"""The REST face: one file a noun, each a thin skin over one class, `engine/console.py`.

Read `app` first (what is put together), then any noun: a route turns the request into one
call of the console and gives back what the console answered. Errors become RFC 9457 problems
in `problems`; what waits for long goes through `streams`.
"""
