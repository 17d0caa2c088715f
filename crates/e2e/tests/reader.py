#!/usr/bin/env python3
"""An independent reader of the formats: invite, card, envelope, payload, roster, safety number.

Written from docs/e2e.md, with nothing of the crate in it; needs `cryptography` with ML-KEM (OpenSSL).
`reader.py VECTORS` checks the vectors and prints `ok`; `reader.py VECTORS seal` also prints an envelope of its own as JSON.
"""

import base64
import hashlib
import hmac
import json
import os
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

PREFIX = b"ephemeral-messenger/e2e/v1/"
SIZES = (3072, 12288, 49152)


def label(name):
    return PREFIX + name


def sha256(data):
    return hashlib.sha256(data).digest()


def unbase64(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text, "spare bits"
    return data


def hkdf_extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, "sha256").digest()


def hkdf_expand(prk, info, length):
    output, block, count = b"", b"", 1
    while len(output) < length:
        block = hmac.new(prk, block + info + bytes([count]), "sha256").digest()
        output += block
        count += 1
    return output[:length]


def verify(key, name, message, signature):
    Ed25519PublicKey.from_public_bytes(key).verify(signature, label(name) + b"\0" + message)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "cut off"
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), "big")

    def end(self):
        assert self.at == len(self.data), "bytes left over"


# X-Wing (draft-connolly-cfrg-xwing-kem) and HPKE in mode PSK (RFC 9180).


def xwing_private(seed):
    expanded = hashlib.shake_256(seed).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])


def xwing_public(seed):
    kem, curve = xwing_private(seed)
    return kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def xwing_combine(ss_kem, ss_curve, ct_curve, pk_curve):
    return hashlib.sha3_256(ss_kem + ss_curve + ct_curve + pk_curve + b"\\.//^\\").digest()


def xwing_decapsulate(seed, enc):
    kem, curve = xwing_private(seed)
    ss_curve = curve.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    return xwing_combine(kem.decapsulate(enc[:1088]), ss_curve, enc[1088:], curve.public_key().public_bytes_raw())


def xwing_encapsulate(public):
    ss_kem, ct_kem = MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
    ephemeral = X25519PrivateKey.generate()
    ct_curve = ephemeral.public_key().public_bytes_raw()
    ss_curve = ephemeral.exchange(X25519PublicKey.from_public_bytes(public[1184:]))
    return xwing_combine(ss_kem, ss_curve, ct_curve, public[1184:]), ct_kem + ct_curve


def hpke_key(shared, psk, psk_id):
    suite = b"HPKE" + (0x647A).to_bytes(2, "big") + (1).to_bytes(2, "big") + (3).to_bytes(2, "big")

    def extract(salt, name, ikm):
        return hkdf_extract(salt, b"HPKE-v1" + suite + name + ikm)

    def expand(prk, name, info, length):
        return hkdf_expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + name + info, length)

    context = b"\x01" + extract(b"", b"psk_id_hash", psk_id) + extract(b"", b"info_hash", label(b"envelope"))
    secret = extract(shared, b"secret", psk)
    return expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)


def card_id(psk, kem):
    return sha256(label(b"card") + b"\0" + psk + kem)


def open_envelope(seed, psk, mailbox, content):
    envelope = unbase64(content)
    assert len(envelope) in SIZES
    identity = card_id(psk, xwing_public(seed))
    assert envelope[:4] == identity[:4], "hint"
    key, nonce = hpke_key(xwing_decapsulate(seed, envelope[4:1124]), psk, identity)
    plain = ChaCha20Poly1305(key).decrypt(nonce, envelope[1124:], mailbox)
    length, number = int.from_bytes(plain[:2], "big"), int.from_bytes(plain[2:8], "big")
    assert not any(plain[8 + length :]), "padding"
    return number, plain[8 : 8 + length]


def seal_envelope(kem, psk, mailbox, number, contents):
    identity = card_id(psk, kem)
    size = next(size for size in SIZES if size >= len(contents) + 4 + 1120 + 16 + 8)
    plain = len(contents).to_bytes(2, "big") + number.to_bytes(6, "big") + contents
    plain += bytes(size - 1140 - len(plain))
    shared, enc = xwing_encapsulate(kem)
    key, nonce = hpke_key(shared, psk, identity)
    sealed = identity[:4] + enc + ChaCha20Poly1305(key).encrypt(nonce, plain, mailbox)
    return base64.urlsafe_b64encode(sealed).decode()


# Layouts.


def onion(key, port):
    check = hashlib.sha3_256(b".onion checksum" + key + b"\x03").digest()[:2]
    name = base64.b32encode(key + check + b"\x03").decode().lower() + ".onion"
    return name if port == 80 else f"{name}:{port}"


def read_invite(text):
    data = unbase64(text.split(":", 1)[1])
    assert sha256(data[:-4])[:4] == data[-4:], "checksum"
    reader = Reader(data[:-4])
    version, flags = reader.number(1), reader.number(1)
    assert version == 1 and flags in (0, 1, 3, 7, 8, 9, 11, 15)
    invite = {"one_time": bool(flags & 1), "not_after": reader.number(4)}
    if flags & 8:
        invite["authority"] = reader.take(reader.number(1)).decode()
    else:
        key = reader.take(32)
        invite["authority"] = onion(key, reader.number(2))
    for name in ("door", "identity", "prekey"):
        invite[name] = reader.take(32).hex()
    if flags & 2:
        secret = reader.take(32)
        reader.take(32 if flags & 4 else 0)
        prk = hkdf_extract(label(b"short-invite"), secret)
        psk, kem = hkdf_expand(prk, b"psk", 32), xwing_public(hkdf_expand(prk, b"kem", 32))
        invite["ed25519"] = None
    else:
        psk, kem = reader.take(32), reader.take(1216)
        ed = reader.take(32)
        verify(ed, b"invite", data[: reader.at], reader.take(64))
        invite["ed25519"] = ed.hex()
    reader.end()
    invite.update(psk=psk.hex(), kem=kem.hex(), card_id=card_id(psk, kem).hex())
    invite["id"] = sha256(label(b"invite-id") + b"\0" + data[:-4]).hex()
    return invite


def read_card(data):
    reader = Reader(data)
    version, flags = reader.number(1), reader.number(1)
    assert version == 1 and flags < 8 and (not flags & 1 or flags == 7)
    card = {"root": bool(flags & 1), "no": reader.number(8)}
    psk, kem = reader.take(32), reader.take(1216)
    card["prekey"] = reader.take(32).hex() if flags & 4 else None
    card["mailbox"] = reader.take(32).hex() if flags & 2 else None
    card["authority"] = reader.take(reader.number(1)).decode() if flags & 2 else None
    reader.end()
    card.update(psk=psk.hex(), kem=kem.hex(), id=card_id(psk, kem).hex(), hint=card_id(psk, kem)[:4].hex())
    return card


def read_proof(data):
    assert len(data) == 128
    verify(data[32:64], b"identity", data[:32], data[64:])
    return {"curve": data[:32].hex(), "ed": data[32:64].hex()}


def read_protobuf(data):
    """Returns a dictionary from field numbers to lists of values."""
    fields, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            value = varint()
        elif tag & 7 == 1:
            value, at = int.from_bytes(data[at : at + 8], "little"), at + 8
        else:
            assert tag & 7 == 2
            length = varint()
            assert at + length <= len(data)
            value, at = data[at : at + length], at + length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def read_payload(data):
    fields = read_protobuf(data)
    one = lambda number, default: fields.get(number, [default])[-1]
    packed = one(3, b"")
    acks = [int.from_bytes(packed[at : at + 8], "little") for at in range(0, len(packed), 8)]
    hello = one(5, None)
    if hello is not None:
        assert len(hello) == 232
        names = ("your_curve", "your_ed", "invite")
        parts = {name: hello[128 + 32 * at : 160 + 32 * at].hex() for at, name in enumerate(names)}
        hello = {**read_proof(hello[:128]), **parts, "born": int.from_bytes(hello[224:], "big")}
    kinds = {7: "text", 9: "group", 10: "file"}
    kind = [name for number, name in kinds.items() if number in fields]
    assert len(kind) <= 1 and bool(kind) == bool(one(1, 0))
    assert all(len(file) == 16 for file in fields.get(13, []))
    return {
        "kind": kind[0] if kind else "control",
        "mid": str(one(1, 0)),
        "prev": str(one(2, 0)),
        "acks": [str(ack) for ack in acks],
        "hello": hello,
        "card": one(4, b"").hex() or None,
        "at": one(6, 0),
        "text": fields[7][-1].decode() if 7 in fields else None,
        "profile": one(8, b"").decode(),
        "burn_s": one(12, 0),
        "ended": [file.hex() for file in fields.get(13, [])],
    }


def read_roster(signed, admin):
    body = signed[:-64]
    verify(admin, b"roster", body, signed[-64:])
    reader = Reader(body)
    assert reader.number(1) == 1
    reader.take(16 + 4 + 32)
    assert reader.take(32) == admin
    last = b""
    for _ in range(reader.number(1)):
        proof = reader.take(128)
        read_proof(proof)
        assert read_card(reader.take(reader.number(2)))["root"]
        reader.take(reader.number(1)).decode()
        assert proof[:32] > last
        last = proof[:32]
    reader.end()
    return sha256(label(b"roster-id") + b"\0" + body)


def safety(parties):
    hashes = sorted(hashlib.sha512(label(b"safety") + b"\0" + curve + ed).digest() for curve, ed in parties)
    groups = [int.from_bytes(h[at : at + 5], "big") % 100_000 for h in hashes for at in range(0, 30, 5)]
    words = [(int.from_bytes(h, "big") >> (512 - 11 * (at + 1))) & 2047 for h in hashes for at in range(9)]
    code = base64.urlsafe_b64encode(hashes[0][:32] + hashes[1][:32]).rstrip(b"=").decode()
    return " ".join(f"{group:05}" for group in groups), words, "ephemeral-verify:" + code


def compare(read, expected):
    for name, value in read.items():
        assert expected[name] == value, f"{name}: {value!r} is not {expected[name]!r}"


def check(folder):
    def load(name):
        with open(os.path.join(folder, name + ".json"), encoding="utf-8") as file:
            return json.load(file)

    for invite in load("invites")["invites"]:
        compare(read_invite(invite["text"]), invite)
    for card in load("cards"):
        compare(read_card(bytes.fromhex(card["card"])), card)
        assert xwing_public(bytes.fromhex(card["seed"])).hex() == card["kem"]
    for vector in load("envelopes"):
        parts = (bytes.fromhex(vector[name]) for name in ("seed", "psk", "mailbox"))
        number, contents = open_envelope(*parts, vector["content"])
        assert (number, contents.hex()) == (vector["number"], vector["contents"])
    for vector in load("x-wing"):
        seed = bytes.fromhex(vector["sk"])
        assert xwing_public(seed).hex() == vector["pk"]
        assert xwing_decapsulate(seed, bytes.fromhex(vector["ct"])).hex() == vector["ss"]
    for payload in load("payloads"):
        compare(read_payload(bytes.fromhex(payload["payload"])), payload)
    rosters = load("rosters")
    admin = bytes.fromhex(rosters["admin"])
    ids = [read_roster(bytes.fromhex(roster["signed"]), admin) for roster in rosters["rosters"]]
    assert [identity.hex() for identity in ids] == [roster["id"] for roster in rosters["rosters"]]
    for at, delta in enumerate(map(bytes.fromhex, rosters["deltas"])):
        verify(admin, b"roster-delta", delta[:-64], delta[-64:])
        assert delta[21:53] == ids[at] and delta[53:85] == ids[at + 1]
    keys = load("keys")
    short = {name: bytes.fromhex(value) for name, value in keys["short_invite"].items()}
    prk = hkdf_extract(label(b"short-invite"), short["secret"])
    assert (hkdf_expand(prk, b"psk", 32), hkdf_expand(prk, b"kem", 32)) == (short["psk"], short["seed"])
    sender = keys["sender"]
    prk = hkdf_extract(label(b"sender"), bytes.fromhex(sender["mailbox_seed"]))
    assert hkdf_expand(prk, sender["authority"].encode(), 32).hex() == sender["seed"]
    read_proof(bytes.fromhex(keys["identity_proof"]))
    parties = [[bytes.fromhex(key) for key in party] for party in keys["safety"]["parties"]]
    expected = keys["safety"]
    assert safety(parties) == (expected["digits"], expected["words"], expected["qr"])


def main():
    check(sys.argv[1])
    if sys.argv[2:] == ["seal"]:
        seed, psk, mailbox, contents = os.urandom(32), os.urandom(32), os.urandom(32), os.urandom(1500)
        content = seal_envelope(xwing_public(seed), psk, mailbox, 77, contents)
        parts = {"seed": seed, "psk": psk, "mailbox": mailbox, "contents": contents}
        print(json.dumps({**{name: part.hex() for name, part in parts.items()}, "number": 77, "content": content}))
    else:
        print("ok")


main()
