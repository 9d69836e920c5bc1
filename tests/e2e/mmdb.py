"""Writes databases in the MMDB format, so that tests need none of somebody else's."""

import ipaddress
import struct

Fields = dict[str, str | int]


def text(value: str) -> bytes:
    """A text of less than 285 bytes."""
    length = len(value.encode())
    head = bytes([0x40 | length]) if length < 29 else bytes([0x5D, length - 29])
    return head + value.encode()


def record(fields: Fields) -> bytes:
    """A record of texts and numbers."""
    told = bytes([0xE0 | len(fields)])
    for name, value in fields.items():
        told += text(name)
        told += text(value) if isinstance(value, str) else b"\xc4" + struct.pack(">I", value)
    return told


def database(networks: dict[str, Fields]) -> bytes:
    """A database of networks that do not overlap."""
    nodes: list[list[int | bytes | None]] = [[None, None]]
    for network, fields in networks.items():
        of = ipaddress.IPv4Network(network)
        bits, length = int(of.network_address), of.prefixlen + 96
        node = 0
        for depth in range(length - 1):
            side = bits >> (127 - depth) & 1
            if nodes[node][side] is None:
                nodes[node][side] = len(nodes)
                nodes.append([None, None])
            node = int(nodes[node][side])  # type: ignore[arg-type]
        nodes[node][bits >> (128 - length) & 1] = record(fields)
    pointers, records = b"", b""
    for half in (half for node in nodes for half in node):
        pointer = half if isinstance(half, int) else len(nodes)
        if isinstance(half, bytes):
            pointer += 16 + len(records)
            records += half
        pointers += struct.pack(">I", pointer)
    metadata = b"\xab\xcd\xefMaxMind.com\xe9"
    for name, value in {
        "binary_format_major_version": b"\xa1\x02",
        "binary_format_minor_version": b"\xa1\x00",
        "build_epoch": b"\x04\x02\x69\xa5\x41\x00",
        "database_type": text("Test"),
        "description": b"\xe0",
        "ip_version": b"\xa1\x06",
        "languages": b"\x00\x04",
        "node_count": b"\xc4" + struct.pack(">I", len(nodes)),
        "record_size": b"\xa1\x20",
    }.items():
        metadata += text(name) + value
    return pointers + bytes(16) + records + metadata
