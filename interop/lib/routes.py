"""The routes the control plane mounts, as the sources say, and the table they are held against.

Reads Rust just far enough: `.route("...", get(..).post(..))`, in any file that speaks of an
axum `Router`. What it cannot read is a complaint, never a route left out.
"""

import pathlib
import re
from collections import namedtuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "interop" / "endpoints.txt"
DOORS = ("open", "operator", "scim", "reporter", "client", "resource", "session",
         "transit")
VERBS = ("get", "post", "put", "patch", "delete", "any")

Row = namedtuple("Row", "method path door")

# Other ways to mount something: none is used today, and none may slip in unseen.
UNREAD = re.compile(r"\.(route_service|nest|nest_service|fallback|fallback_service|"
                    r"method_not_allowed_fallback)\(|\bMethodFilter\b|\bMethodRouter\b")
ROUTE = re.compile(r"\.route\(\s*")
LITERAL = re.compile(r'"([^"\\]+)"\s*,\s*')
CALL = re.compile(r"(?:^|\.)\s*(?:axum::routing::)?([a-z_]+)\s*(?:::<[^>]*>)?\(")


def sources():
    """(file, text) of what is compiled into the program, comments and tests left out."""
    for file in sorted((ROOT / "crates").glob("*/src/**/*.rs")):
        within = file.relative_to(ROOT)
        if {"tests", "tests.rs", "testing", "testing.rs"} & set(within.parts):
            continue
        text = re.split(r"#\[cfg\(test\)\]\s*mod tests", file.read_text())[0]
        yield within, re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def closing(text, at):
    """Where the parenthesis closes that is open at `at`."""
    depth = 1
    while depth and at < len(text):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at - 1


def verbs(handlers, text):
    """The methods of `get(a).post(b)`, or of a name that stands for such; None if unreadable."""
    handlers = handlers.strip().rstrip(",").strip()
    if re.fullmatch(r"[a-z_]+", handlers):
        bound = re.search(rf"\blet {handlers}\s*=\s*(.*?);", text, re.DOTALL)
        if not bound:
            return None
        handlers = bound[1]
    found, at = [], 0
    while at < len(handlers):
        call = CALL.match(handlers, at)
        if not call or call[1] not in (*VERBS, "layer"):
            return None
        if call[1] != "layer":
            found.append(call[1].upper())
        at = closing(handlers, call.end()) + 1
    return found or None


def mounted():
    """(every (METHOD, path) the sources mount, what could not be read)."""
    routes, unread = set(), []
    for file, text in sources():
        if not re.search(r"\bRouter\b", text):
            continue
        unread += [f"{file}: {found[0]}" for found in UNREAD.finditer(text)]
        for start in ROUTE.finditer(text):
            path = LITERAL.match(text, start.end())
            end = closing(text, start.end())
            methods = verbs(text[path.end():end], text) if path else None
            if not methods:
                unread.append(f"{file}: {text[start.start():end + 1]}")
                continue
            for method in methods:
                if (method, path[1]) in routes:
                    unread.append(f"{file}: {method} {path[1]} a second time")
                routes.add((method, path[1]))
    return routes, unread


def table(file=TABLE):
    """(the rows, what is wrong with the file)."""
    rows, wrong = [], []
    for number, line in enumerate(pathlib.Path(file).read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(None, 3)
        if len(parts) < 3 or parts[2] not in DOORS:
            wrong.append(f"line {number}: {line}")
            continue
        rows.append(Row(*parts[:3]))
    twice = {row[:2] for row in rows if sum(other[:2] == row[:2] for other in rows) > 1}
    return rows, wrong + [f"twice: {' '.join(one)}" for one in sorted(twice)]
