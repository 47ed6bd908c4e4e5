"""Texts and values that somebody who means harm would send: strategies that several edges share."""

from hypothesis import strategies as st

SHELL = (
    "$(reboot)",
    "`reboot`",
    "a;reboot",
    "a|b",
    "a&b",
    "a\nb",
    "-rf",
    "--help",
    "a b",
    "'",
    '"',
)
PATHS = ("../../etc/passwd", "/etc/passwd", "a/b", ".", "..", "~root", "")
TERMINAL = ("\x1b[2J", "\x9b31m", "\x1b]0;x\x07", "\r", "\x08", "\x7f", "a\u202egpj", "\u2028")
MARKUP = ("[red]x[/red]", "[/]", "[link=http://x]y", "<script>", "&amp;", "%00", "%2e%2e", "{}")
UNICODE = ("\ud800", "\udcff", "\x00", "é", "\u0663", "\u00b2", "日本", "🂡")

WORDS = (*SHELL, *PATHS, *TERMINAL, *MARKUP, *UNICODE)


def texts(most: int = 60) -> st.SearchStrategy[str]:
    """Any text, surrogates and control characters too, with what does harm more often."""
    piece = st.one_of(st.sampled_from(WORDS), st.text(st.characters(), max_size=most))
    return st.one_of(
        piece,
        st.lists(piece, max_size=4).map("".join),
        st.integers(most, 4 * most).map(lambda n: "x" * n),
    )


NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from((0, -1, 2**31, 2**32, 2**53, 2**63, 2**64, 10**400, 1e308, -0.0)),
)

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, texts(20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(texts(10), inner, max_size=4)
    ),
    max_leaves=12,
)
