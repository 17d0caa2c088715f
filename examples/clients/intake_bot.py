#!/usr/bin/env python3
"""Takes in whoever comes by a public invite: admits each, answers, and keeps what they write.

    intake_bot.py SOCKET FOLDER [WELCOME]

SOCKET is that of `ephemeral serve` (docs/rpc.md). It prints the invite, which may be published.
A text is acknowledged only after it is on the disk: whatever happens to this program, it comes again.
"""

import json
import os
import socket
import sys


class Engine:
    """A connection with a running engine."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.number = 0
        self.waiting = []

    def call(self, method, **params):
        self.number += 1
        request = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        self.socket.sendall((json.dumps(request) + "\n").encode())
        while True:
            said = self.read()
            if said.get("method") == "event":
                self.waiting.append(said["params"])
            elif "error" in said:
                raise RuntimeError(said["error"]["message"])
            else:
                return said["result"]

    def read(self):
        line = self.lines.readline()
        if not line:
            raise EOFError("the engine has ended")
        return json.loads(line)

    def events(self):
        while True:
            if self.waiting:
                yield self.waiting.pop(0)
            else:
                said = self.read()
                if said.get("method") == "event":
                    yield said["params"]


def keep(folder, event):
    """Writes a text to a file of its own, which is whole or not there."""
    # The id is the engine's, and nothing of it is a path.
    path = os.path.join(folder, event["id"] + ".json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump({name: event[name] for name in ("contact", "at", "text")}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)


def main(path, folder, welcome="Thank you. A person reads what you write here."):
    engine = Engine(path)
    engine.call("subscribe", taking="acknowledged")
    reusable = [invite for invite in engine.call("invites.list") if invite["reusable"]]
    if not reusable:
        print(engine.call("invites.create", reusable=True)["text"], flush=True)
    for event in engine.events():
        if event["event"] == "request":
            try:
                admitted = engine.call("invites.admit", invite=event["invite"], identity=event["identity"])
                engine.call("send", to=admitted["contact"], text=welcome)
            except RuntimeError as error:
                # Admitted before, or taken back: it is nobody's fault, and nothing to stop for.
                print(f"not admitted: {error}", file=sys.stderr, flush=True)
        elif event["event"] == "text":
            keep(folder, event)
        if "number" in event:
            engine.call("shown", number=event["number"])


if __name__ == "__main__":
    main(*sys.argv[1:])
