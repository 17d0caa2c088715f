#!/usr/bin/env python3
"""A bridge between folders and an engine, for whatever can write files.

    bridge.py SOCKET FOLDER

A file FOLDER/out/CONTACT/NAME is sent to CONTACT (or a group) as a text, and removed when the engine
has it. Write it under another name first, which begins with a dot, and rename it then. What comes is
put into FOLDER/in/ as a file of JSON, named by the time and the message. SOCKET is that of
`ephemeral serve` (docs/rpc.md).
"""

import json
import os
import select
import socket
import sys

PAUSE_S = 1.0


def write(folder, name, event):
    """Writes a file that is whole or not there."""
    part = os.path.join(folder, "." + name)
    with open(part, "w", encoding="utf-8") as file:
        json.dump(event, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, os.path.join(folder, name))


class Bridge:
    def __init__(self, path, folder):
        self.inside = os.path.join(folder, "in")
        self.outside = os.path.join(folder, "out")
        os.makedirs(self.inside, exist_ok=True)
        os.makedirs(self.outside, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.rest = b""
        self.number = 0
        # The files that the engine was asked to send, by the request.
        self.asked = {}
        self.ask("subscribe", {"taking": "acknowledged"})

    def ask(self, method, params):
        self.number += 1
        request = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        self.socket.sendall((json.dumps(request) + "\n").encode())
        return self.number

    def send_files(self):
        busy = set(self.asked.values())
        for contact in sorted(os.listdir(self.outside)):
            folder = os.path.join(self.outside, contact)
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
                path = os.path.join(folder, name)
                if name.startswith(".") or path in busy or len(self.asked) >= 8:
                    continue
                with open(path, encoding="utf-8", errors="replace") as file:
                    self.asked[self.ask("send", {"to": contact, "text": file.read()})] = path

    def hear(self, said):
        if said.get("method") == "event":
            event = said["params"]
            if event["event"] in ("text", "group_text"):
                write(self.inside, event["at"].replace(":", "") + "-" + event["id"], event)
            if "number" in event:
                self.ask("shown", {"number": event["number"]})
            return
        path = self.asked.pop(said.get("id"), None)
        if path and "result" in said:
            os.remove(path)
        elif path:
            # It stays, under a name that is not sent again.
            print(f"{path}: {said['error']['message']}", file=sys.stderr, flush=True)
            os.replace(path, os.path.join(os.path.dirname(path), ".failed-" + os.path.basename(path)))

    def run(self):
        while True:
            self.send_files()
            if not select.select([self.socket], [], [], PAUSE_S)[0]:
                continue
            read = self.socket.recv(1 << 16)
            if not read:
                raise EOFError("the engine has ended")
            *lines, self.rest = (self.rest + read).split(b"\n")
            for line in lines:
                self.hear(json.loads(line))


if __name__ == "__main__":
    Bridge(*sys.argv[1:]).run()
