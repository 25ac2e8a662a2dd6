"""A listener in a voice call whose end-to-end encryption is Discord's own libdave (PyPI dave.py).

usage: listener.py ENDPOINT GUILD CHANNEL USER    (TLS trust comes from SSL_CERT_FILE)

Joins the call, forms the MLS group with whoever is there, and opens everybody's frames. After every change it prints
one JSON object with its totals on a line of standard output. Ends when standard input closes.
"""

import asyncio
import json
import os
import ssl
import struct
import sys

import dave
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from websockets.asyncio.client import connect

MODE = "aead_aes256_gcm_rtpsize"
SILENCE = b"\xf8\xff\xfe"
RTP_HEADER = 12
NONCE = 4
# How often the totals are printed while frames come in, seconds.
REPORT_INTERVAL = 0.1
# Longest wait for an answer to IP discovery before it is asked again, seconds.
DISCOVERY_TIMEOUT = 1.0


class Media(asyncio.DatagramProtocol):
    """The UDP side: takes off the transport encryption, tells speakers apart, lets libdave open their frames."""

    def __init__(self):
        self.address = asyncio.get_running_loop().create_future()
        self.key = None
        self.users = {}
        self.decryptors = {}
        self.totals = {"opened": 0, "failed": 0, "plain": 0, "silence": 0, "transport_failed": 0, "no_key": 0}
        self.passthrough = True

    def datagram_received(self, data, addr):
        if len(data) == 74 and data[:2] == b"\x00\x02":
            ip = data[8:72].split(b"\0", 1)[0].decode()
            if not self.address.done():
                self.address.set_result((ip, struct.unpack(">H", data[72:74])[0]))
            return
        if self.key is None or len(data) < RTP_HEADER + NONCE:
            return
        try:
            payload = self.key.decrypt(data[-NONCE:] + bytes(8), data[RTP_HEADER:-NONCE], data[:RTP_HEADER])
        except InvalidTag:
            self.totals["transport_failed"] += 1
            return
        self.frame(self.users.get(struct.unpack(">I", data[8:12])[0]), payload)

    def frame(self, user, payload):
        if payload == SILENCE:
            self.totals["silence"] += 1
            return
        if not payload.endswith(b"\xfa\xfa"):
            self.totals["plain"] += 1
            return
        decryptor = self.decryptors.get(user)
        if decryptor is None:
            self.totals["no_key"] += 1
            return
        opened = decryptor.decrypt(dave.MediaType.audio, payload)
        self.totals["opened" if opened else "failed"] += 1


class Call:
    """The gateway side: protocol version 8, and the transitions of DAVE."""

    def __init__(self, socket, guild, channel, user):
        self.socket = socket
        self.guild, self.channel, self.user = guild, channel, user
        self.sequence = -1
        self.media = None
        self.transport = None
        self.failures = 0
        self.epochs = 0
        self.commits = 0
        self.others = set()
        self.prepared = {}
        self.external_sender = None
        self.session = dave.Session(self.mls_failed)
        self.version = 0

    def mls_failed(self, source, reason):
        print(f"libdave: {source}: {reason}", file=sys.stderr, flush=True)

    def report(self):
        totals = {"epochs": self.epochs, "commits": self.commits, "recoveries": self.failures}
        if self.media:
            totals |= self.media.totals
        print(json.dumps(totals), flush=True)

    async def send(self, op, data):
        await self.socket.send(json.dumps({"op": op, "d": data}))

    async def run(self):
        await self.send(0, {
            "server_id": self.guild, "user_id": self.user, "session_id": "libdave", "token": "libdave",
            "max_dave_protocol_version": dave.get_max_supported_protocol_version(),
        })
        async for message in self.socket:
            if isinstance(message, bytes):
                self.sequence = struct.unpack(">H", message[:2])[0]
                await self.binary(message[2], message[3:])
            else:
                envelope = json.loads(message)
                self.sequence = envelope.get("seq", self.sequence)
                await self.text(envelope["op"], envelope.get("d"))
            self.report()

    async def text(self, op, data):
        if op == 8:
            asyncio.ensure_future(self.beat(data["heartbeat_interval"] / 1000))
        elif op == 2:
            await self.discover(data)
        elif op == 4:
            self.media.key = AESGCM(bytes(data["secret_key"]))
            self.version = data["dave_protocol_version"]
            await self.new_group()
        elif op == 11:
            self.others |= set(data["user_ids"])
        elif op == 12:
            self.media.users[data["audio_ssrc"]] = data["user_id"]
        elif op == 13:
            self.others.discard(data["user_id"])
        elif op == 21:
            await self.prepare(data["transition_id"], data["protocol_version"])
        elif op == 22:
            self.execute(data["transition_id"])
        elif op == 24 and data["epoch"] == 1:
            self.version = data["protocol_version"]
            await self.new_group()

    async def binary(self, op, payload):
        known = self.others | {self.user}
        if op == 25:
            self.external_sender = payload
            self.session.set_external_sender(payload)
        elif op == 27:
            commit = self.session.process_proposals(payload, known)
            if commit:
                self.commits += 1
                await self.socket.send(b"\x1c" + commit)
        elif op == 29:
            transition = struct.unpack(">H", payload[:2])[0]
            result = self.session.process_commit(payload[2:])
            if isinstance(result, dict):
                await self.prepare(transition, self.version)
            elif result == dave.RejectType.failed:
                await self.recover(transition)
        elif op == 30:
            transition = struct.unpack(">H", payload[:2])[0]
            if self.session.process_welcome(payload[2:], known) is None:
                await self.recover(transition)
            else:
                await self.prepare(transition, self.version)

    async def new_group(self):
        self.session.init(self.version, int(self.channel), self.user)
        if self.external_sender:
            self.session.set_external_sender(self.external_sender)
        await self.socket.send(b"\x1a" + self.session.get_marshalled_key_package())

    async def recover(self, transition):
        self.failures += 1
        await self.send(31, {"transition_id": transition})
        await self.new_group()

    async def prepare(self, transition, version):
        """Receivers take a new key when it is prepared; the sender switches at the execution."""
        if version > 0 and self.session.has_established_group():
            self.epochs += 1
            for user in self.others:
                ratchet = self.session.get_key_ratchet(user)
                if ratchet is not None:
                    decryptor = self.media.decryptors.setdefault(user, dave.Decryptor())
                    decryptor.transition_to_key_ratchet(ratchet)
        self.prepared[transition] = version
        if transition:
            await self.send(23, {"transition_id": transition})
        else:
            self.execute(0)

    def execute(self, transition):
        version = self.prepared.pop(transition, None)
        if version is not None:
            self.version = version

    async def discover(self, ready):
        loop = asyncio.get_running_loop()
        self.transport, self.media = await loop.create_datagram_endpoint(
            Media, remote_addr=(ready["ip"], ready["port"]))
        request = struct.pack(">HHI", 1, 70, ready["ssrc"]) + bytes(66)
        while not self.media.address.done():
            self.transport.sendto(request)
            await asyncio.wait([self.media.address], timeout=DISCOVERY_TIMEOUT)
        ip, port = self.media.address.result()
        data = {"address": ip, "port": port, "mode": MODE}
        await self.send(1, {"protocol": "udp", "data": data})

    async def beat(self, interval):
        while True:
            await asyncio.sleep(interval)
            await self.send(3, {"t": 0, "seq_ack": self.sequence})


async def report_steadily(call):
    while True:
        await asyncio.sleep(REPORT_INTERVAL)
        call.report()


async def main(endpoint, guild, channel, user):
    trust = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    async with connect(f"wss://{endpoint}/?v=8", ssl=trust, proxy=None) as socket:
        call = Call(socket, guild, channel, user)
        tasks = [asyncio.ensure_future(call.run()), asyncio.ensure_future(report_steadily(call))]
        closed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        done, _ = await asyncio.wait([*tasks, closed], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for task in done:
            task.result()


asyncio.run(main(*sys.argv[1:]))
