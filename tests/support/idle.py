"""A program that holds many idle connections: `idle.py PORT COUNT`. It says when they are open, and when each answered.

Lines on standard input tell it to go on: the first lets it ask on every connection, the second lets it end.
"""

from __future__ import annotations

import resource
import socket
import sys


def main(port: int, count: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)]
    say(f"{len(connections)} open")
    sys.stdin.readline()
    answered = 0
    for start in range(0, count, 500):
        some = connections[start : start + 500]
        for connection in some:
            connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        answered += sum(connection.recv(1000).startswith(b"HTTP/1.1 200 ") for connection in some)
    say(f"{answered} answered")
    sys.stdin.readline()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
