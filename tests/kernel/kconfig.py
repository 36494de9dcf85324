"""What the Kconfig files of a kernel tree say about its options, without running Kconfig.

    kconfig.py handover TREE SRCARCH [CONFIG]        options that carry poison over a kexec
    kconfig.py check TREE SRCARCH CONFIG FILE...     what the FILEs ask for and CONFIG lacks

TREE is a kernel source tree, SRCARCH the name of its folder below arch/, CONFIG a .config. Of two
lines for one option the later counts, as in Kconfig. ``check`` exits with 1 where a line did not
survive, and says of each what the option depends on.

Syntax: Documentation/kbuild/kconfig-language.rst.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: What a series that hands poison over cannot do without, on either road.
ROADS = ({"MEMORY_FAILURE", "KEXEC_HANDOVER"}, {"MEMORY_FAILURE", "EFI_STUB"})
#: Options that say it by name, whatever they depend on: MEMORY_FAILURE_KHO, KHO_HWPOISON, ...
_POISON = re.compile(r"(^|_)(MEMORY_FAILURE|HW_?POISON)(_|$)")
_HANDOVER = re.compile(r"(^|_)(KHO|KEXEC_HANDOVER|LUO|LIVEUPDATE)(_|$)")

_PROMPT = re.compile(
    r"""(?:prompt|bool|tristate|string|hex|int)\s+("[^"]*"|'[^']*')(?:\s+if\s+(.*))?"""
)
_KIND = re.compile(r"(?:def_)?(bool|tristate|string|hex|int)\b")
_TOKEN = re.compile(r"""\$\([^)]*\)|"[^"]*"|'[^']*'|&&|\|\||!=|<=|>=|[!()=<>]|[\w-]+""")
_NAME = re.compile(r"\w*[A-Z]\w*")
_COMPARISONS = ("=", "!=", "<", ">", "<=", ">=")
_SET = re.compile(r"CONFIG_(\w+)=(.+)")
_UNSET = re.compile(r"# CONFIG_(\w+) is not set")


@dataclass
class Option:
    """One config symbol, of all places that define it.

    Attributes:
        name: Without CONFIG_.
        kind: bool, tristate, string, hex or int; empty where no definition says.
        prompt: Whether a configuration may set it.
        shown_if: Conditions of its prompts.
        where: Of each definition the conditions that must all hold, as they are written.
        selects: What it switches on itself, and on what condition (empty: always).
    """

    name: str
    kind: str = ""
    prompt: bool = False
    shown_if: list[str] = field(default_factory=list)
    where: list[list[str]] = field(default_factory=list)
    selects: list[tuple[str, str]] = field(default_factory=list)

    def learn(self, text: str, word: str, rest: str) -> None:
        """Note what a line below ``config`` says."""
        kind = _KIND.match(text)
        if kind:
            self.kind = kind[1]
        prompt = _PROMPT.match(text)
        if prompt:
            self.prompt = True
            self.shown_if += [prompt[2]] if prompt[2] else []
        elif word == "select":
            chosen, _, condition = rest.partition(" if ")
            self.selects.append((chosen.strip(), condition.strip()))


def _statements(path: Path) -> Iterator[str]:
    """Yield the statements of a file, without comments and help texts."""
    lines = path.read_text(errors="replace").replace("\\\n", " ").expandtabs().splitlines()
    helping, indent = False, 0  # indent: of the help's first line, 0 until it was seen
    for line in lines:
        text = line.strip()
        depth = len(line) - len(line.lstrip())
        if helping and (not text or (depth and depth >= indent)):
            indent = indent or (depth if text else 0)
            continue
        helping = text in ("help", "---help---")
        indent = 0
        if text and not helping and not text.startswith("#"):
            yield text


# --- Conditions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Node:
    """A condition: a name, or a sign over parts."""

    sign: str
    parts: tuple[_Node, ...] = ()


def _parse(text: str) -> _Node:
    """Read ``A && !(B || C=y)``; what cannot be read ends it early."""
    tokens = _TOKEN.findall(text)[::-1]

    def chain(sign: str, part: Callable[[], _Node]) -> _Node:
        parts = [part()]
        while tokens and tokens[-1] == sign:
            tokens.pop()
            parts.append(part())
        return parts[0] if len(parts) == 1 else _Node(sign, tuple(parts))

    def either() -> _Node:
        return chain("||", lambda: chain("&&", single))

    def single() -> _Node:
        token = tokens.pop() if tokens else ""
        if token == "!":
            return _Node("!", (single(),))
        if token == "(":
            inner = either()
            if tokens and tokens[-1] == ")":
                tokens.pop()
            return inner
        if tokens and tokens[-1] in _COMPARISONS:
            sign = tokens.pop()
            return _Node(sign, (_Node(token), _Node(tokens.pop() if tokens else "")))
        return _Node(token)

    return either()


def _names(node: _Node) -> Iterator[str]:
    if node.parts:
        for part in node.parts:
            yield from _names(part)
    elif _NAME.fullmatch(node.sign):
        yield node.sign


def holds(condition: str, values: dict[str, str]) -> int:
    """Return the level of a written condition; of "A if B" we leave the judgement to Kconfig."""
    return 2 if " if " in condition else _level(_parse(condition), values)


def _level(node: _Node, values: dict[str, str]) -> int:
    """Return 2, 1 or 0 (y, m, n) of a condition; what only Kconfig itself can tell is y."""
    sign, parts = node.sign, node.parts
    if sign in ("&&", "||"):
        return (min if sign == "&&" else max)(_level(p, values) for p in parts)
    if sign == "!":
        return 2 - _level(parts[0], values)
    if sign in ("=", "!="):
        left, right = (
            values.get(p.sign, "n") if _NAME.fullmatch(p.sign) else p.sign for p in parts
        )
        return 2 * ((left.strip("\"'") == right.strip("\"'")) == (sign == "="))
    if _NAME.fullmatch(sign) or sign in ("y", "m", "n"):
        return {"y": 2, "m": 1}.get(values.get(sign, sign if sign in ("y", "m") else "n"), 0)
    return 2


# --- A tree -------------------------------------------------------------------------------------


class Tree:
    """The options of a source tree, as one architecture sees them."""

    def __init__(self, folder: Path, srcarch: str) -> None:
        self.folder = folder
        self.srcarch = srcarch
        self.options: dict[str, Option] = {}
        self._needs: dict[str, set[str]] = {}
        self._read("Kconfig", [])

    def _read(self, name: str, outer: list[str]) -> None:
        name = name.replace("$(SRCARCH)", self.srcarch).replace("$(srctree)/", "")
        path = self.folder / name
        if not path.is_file():
            return  # named by a macro that another architecture has
        blocks = [outer]  # conditions within each open if, menu and choice, outermost first
        here = outer  # what a "depends on" adds to
        option: Option | None = None
        for text in _statements(path):
            word, _, rest = text.partition(" ")
            rest = rest.strip()
            if word in ("config", "menuconfig"):
                option = self.options.setdefault(rest, Option(rest))
                here = [*blocks[-1]]
                option.where.append(here)
            elif word in (
                "if",
                "menu",
                "choice",
                "comment",
                "source",
                "endif",
                "endmenu",
                "endchoice",
            ):
                option, here = None, [*blocks[-1], *([rest] if word == "if" else [])]
                if word in ("if", "menu", "choice"):
                    blocks.append(here)
                elif word.startswith("end") and len(blocks) > 1:
                    blocks.pop()
                elif word == "source":
                    self._read(rest.strip("\"'"), blocks[-1])
            elif text.startswith("depends on "):
                here.append(text.removeprefix("depends on ").strip())
            elif option:
                option.learn(text, word, rest)

    def needs(self, name: str) -> set[str]:
        """Return the options that are on wherever this one is, as far as all definitions say so."""
        if name not in self._needs:
            self._needs[name] = {name}  # until more is known: a series may send us in a circle
            option = self.options.get(name, Option(name))
            places = [
                set().union(*(self._needed(_parse(x)) for x in conditions if " if " not in x))
                for conditions in option.where
            ]
            chosen = (self.needs(x) for x, condition in option.selects if not condition)
            both = set.intersection(*places) if places else set()
            self._needs[name] = {name}.union(both, *chosen)
        return self._needs[name]

    def _needed(self, node: _Node) -> set[str]:
        if node.sign in ("&&", "||"):
            parts = [self._needed(p) for p in node.parts]
            return set.union(*parts) if node.sign == "&&" else set.intersection(*parts)
        if node.sign == "=" and node.parts[1].sign in ("y", "m"):
            return self._needed(node.parts[0])
        return self.needs(node.sign) if not node.parts and _NAME.fullmatch(node.sign) else set()

    def may_be_on(self, name: str, values: dict[str, str]) -> bool:
        """Return whether the conditions of one of an option's definitions hold."""
        return any(all(holds(x, values) for x in place) for place in self.options[name].where)

    def handover(self) -> list[str]:
        """Return the options that a user may set and that carry poison over a kexec, by name.

        Those that need MEMORY_FAILURE and KEXEC_HANDOVER, or EFI_STUB, whatever their name, and
        those that are called so.
        """
        return sorted(
            name
            for name, option in self.options.items()
            if option.prompt
            and option.kind in ("bool", "tristate")
            and (
                any(self.needs(name) >= road for road in ROADS)
                or (_POISON.search(name) and _HANDOVER.search(name))
            )
        )

    def state(self, name: str, values: dict[str, str]) -> str:
        """Return whether an option that can be switched on is, and else why not."""
        if values.get(name) in ("y", "m"):
            return "on"
        why = self.why_not(name, "y", values)
        return "off, and nothing is in its way" if why.endswith(" instead") else f"off ({why})"

    def why_not(self, name: str, wanted: str, values: dict[str, str]) -> str:
        """Return why an option has another value than the one that was asked for."""
        option = self.options.get(name)
        if option is None:
            return f"no Kconfig file of this tree has {name} (arch/{self.srcarch})"
        if wanted == "n":
            masters = sorted(
                other.name
                for other in self.options.values()
                if values.get(other.name) in ("y", "m") and name in dict(other.selects)
            )
            return f"selected by {', '.join(masters)}" if masters else f"{name} is on by itself"
        if not option.prompt:
            return f"{name} has no prompt, only other options switch it on"
        needed = 1 if wanted == "m" else 2
        lacking = min(
            ([x for x in conditions if holds(x, values) < needed] for conditions in option.where),
            key=len,
            default=[],
        )
        lacking += [x for x in option.shown_if if not holds(x, values)]
        if not lacking:
            return f"{name} is {values.get(name, 'n')} instead"
        return f"{name} depends on {' and on '.join(lacking)}: {self._levels(lacking, values)}"

    def _levels(self, conditions: list[str], values: dict[str, str]) -> str:
        """Return what the options of some conditions are."""
        names = dict.fromkeys(n for x in conditions for n in _names(_parse(x)))
        return ", ".join(
            f"{n} is {values[n]}"
            if n in values
            else f"{n} is not set"
            if n in self.options
            else f"no Kconfig file has {n}"
            for n in names
        )


# --- Configurations -----------------------------------------------------------------------------


def values_of(text: str) -> dict[str, str]:
    """Return what a .config sets; what is not set is left out."""
    return {m[1]: m[2] for m in map(_SET.fullmatch, text.splitlines()) if m}


def unset_in(text: str) -> list[str]:
    """Return what a .config says is not set: what Kconfig offered there."""
    return [m[1] for m in map(_UNSET.fullmatch, text.splitlines()) if m]


def asked(path: Path) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return ``(value, line)`` by name that a fragment asks for, and complaints about lines."""
    wanted: dict[str, tuple[str, str]] = {}
    complaints = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        text = line.strip()
        off = _UNSET.fullmatch(text)
        match = off or _SET.fullmatch(text)
        if match:
            wanted[match[1]] = ("n" if off else match[2], text)
        elif text and not text.startswith("#"):
            complaints.append(f"{path.name}:{number}: no line of a .config: {text!r}")
    return wanted, complaints


def check(tree: Tree, config: Path, fragments: Iterable[Path]) -> list[str]:
    """Return a complaint for each line of the fragments that a configuration does not follow."""
    values = values_of(config.read_text(errors="replace"))
    wanted: dict[str, tuple[str, str, Path]] = {}
    complaints = []
    for path in fragments:
        found, bad = asked(path)
        complaints += bad
        wanted |= {name: (*value, path) for name, value in found.items()}
    return complaints + [
        f"{path.name}: {line} is not what the kernel has: {tree.why_not(name, value, values)}"
        for name, (value, line, path) in wanted.items()
        if values.get(name, "n") != value
    ]


def main(words: list[str]) -> int:
    """Run one of the two commands."""
    command, folder, srcarch, *files = words
    tree = Tree(Path(folder), srcarch)
    if command == "handover":
        lines = tree.handover()
        if files:
            values = values_of(Path(files[0]).read_text(errors="replace"))
            lines = [f"{name} is {tree.state(name, values)}" for name in lines]
    else:
        lines = check(tree, Path(files[0]), [Path(x) for x in files[1:]])
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if command == "check" and lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
