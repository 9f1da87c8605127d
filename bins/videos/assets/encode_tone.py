#!/usr/bin/env python3
"""Encodes opus-440hz.bin: the Opus packets of a stereo tone of 440 Hz, of which the last five repeat.

It was run once, on x86-64 with libopus 1.3.1. Another CPU or version may give other packets, which
is why the result is kept.
"""

import ctypes
import math
import pathlib

RATE, HZ, AMPLITUDE = 48_000, 440, 8192
SAMPLES = RATE // 50  # of a packet of 20 ms
LOOP = 5  # packets of 100 ms, which hold 44 whole periods
START = 29  # packets until the encoder repeats itself
CHECKED = 300  # packets in which it is checked to do so

RESTRICTED_LOWDELAY = 2051  # CELT alone
SETTINGS = {
    4002: 64_000,  # OPUS_SET_BITRATE: 160 bytes a packet
    4006: 0,  # OPUS_SET_VBR
    4010: 10,  # OPUS_SET_COMPLEXITY
    4008: 1105,  # OPUS_SET_BANDWIDTH: fullband
}

opus = ctypes.CDLL("libopus.so.0")
opus.opus_encoder_create.restype = ctypes.c_void_p
error = ctypes.c_int()
encoder = ctypes.c_void_p(
    opus.opus_encoder_create(RATE, 2, RESTRICTED_LOWDELAY, ctypes.byref(error))
)
for request, value in SETTINGS.items():
    assert opus.opus_encoder_ctl(encoder, request, ctypes.c_int(value)) == 0

packets = []
for packet in range(CHECKED):
    pcm = (ctypes.c_int16 * (2 * SAMPLES))()
    for i in range(SAMPLES):
        phase = (packet * SAMPLES + i) * HZ % RATE
        pcm[2 * i] = pcm[2 * i + 1] = round(AMPLITUDE * math.sin(math.tau * phase / RATE))
    buffer = (ctypes.c_ubyte * 1500)()
    length = opus.opus_encode(encoder, pcm, SAMPLES, buffer, len(buffer))
    assert length > 0
    packets.append(bytes(buffer[:length]))

assert packets[START:-LOOP] == packets[START + LOOP :], "the encoder does not repeat itself"
asset = b"".join(packets[: START + LOOP])
pathlib.Path(__file__).with_name("opus-440hz.bin").write_bytes(asset)
