#!/usr/bin/env python3
"""Draws the command line tool: runs commands on a terminal and writes their output as SVG.

    cargo build --release -p convodb-cli
    python3 crates/convodb-cli/picture.py target/release/convodb > crates/convodb-cli/tool.svg
"""

import html
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from fcntl import ioctl

COLUMNS = 110
COMMANDS = [
    "convodb generate --size 100000 inbox.redb",
    "convodb list inbox.redb --channel whatsapp,webchat --assigned-to unassigned,usr_01 --limit 6",
    "convodb verify inbox.redb",
    "convodb bench inbox.redb",
]
# The number of lines of a long output that are shown, at its beginning and at its end.
HEAD, TAIL = 9, 23

CHAR, LINE, MARGIN = 7.83, 17, 16
COLOURS = {
    "1": "#ff7b72", "2": "#7ee787", "3": "#e3b341", "4": "#79c0ff",
    "5": "#d2a8ff", "6": "#76e3ea", "7": "#e6edf3", "8": "#8b949e",
}
PARTS = re.compile(r"\x1b\[([0-9;]*)m|([^\x1b]+)|\x1b\[[0-9;?]*[A-Za-z]")


def shown(binary, command, directory):
    """The output of a command on a terminal."""
    main, side = pty.openpty()
    ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    arguments = [binary, *command.split()[1:]]
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    # Progress bars are cleared at the end.
    process = subprocess.Popen(
        arguments, cwd=directory, env=environment,
        stdin=side, stdout=side, stderr=subprocess.DEVNULL,
    )
    os.close(side)
    output = b""
    while True:
        try:
            some = os.read(main, 65536)
        except OSError:
            break
        if not some:
            break
        output += some
    if process.wait() != 0:
        sys.exit(f"{command}: exit code {process.returncode}")
    return output.decode().replace("\r\n", "\n").rstrip("\n").split("\n")


def spans(line):
    """A line as pieces of SVG text, each at its column."""
    column, style = 0, {}
    for codes, text in PARTS.findall(line):
        if not text:
            for code in (codes or "0").split(";"):
                if code == "0":
                    style = {}
                elif code == "1":
                    style["font-weight"] = "bold"
                elif code == "2":
                    style["opacity"] = "0.6"
                elif code == "22":
                    style.pop("font-weight", None)
                    style.pop("opacity", None)
                elif code == "39":
                    style.pop("fill", None)
                elif len(code) == 2 and code[0] in "39":
                    style["fill"] = COLOURS[str(int(code[1]) or 8)]
            # `38;5;n` is one code of three parts, for the sixteen colours alone.
            if match := re.fullmatch(r"38;5;(\d+)", codes):
                style = {"fill": COLOURS[str(int(match[1]) % 8 or 8)]}
            continue
        attributes = "".join(f' {name}="{value}"' for name, value in style.items())
        x = MARGIN + column * CHAR
        width = f' textLength="{len(text) * CHAR:.1f}"' if text.strip() else ""
        yield f'<tspan x="{x:.1f}"{width}{attributes}>{html.escape(text)}</tspan>'
        column += len(text)


def main():
    binary = os.path.abspath(sys.argv[1])
    lines = []
    with tempfile.TemporaryDirectory() as directory:
        for command in COMMANDS:
            lines.append(f"\x1b[32m$\x1b[0m \x1b[1m{command}\x1b[0m")
            answer = shown(binary, command, directory)
            if len(answer) > HEAD + TAIL + 1:
                answer = answer[:HEAD] + ["\x1b[2m  …\x1b[0m"] + answer[-TAIL:]
            lines += answer + [""]
    width = COLUMNS * CHAR + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-size="13" fill="#e6edf3" '
        "font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\">"
    )
    print(f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#0d1117"/>')
    for number, line in enumerate(lines, 1):
        y = MARGIN + number * LINE - 4
        print(f'<text y="{y}" xml:space="preserve">{"".join(spans(line))}</text>')
    print("</svg>")


main()
