"""JSON with our own text types in it: digests and names are written as the text they are."""

from __future__ import annotations

import msgspec

encode_json = msgspec.json.Encoder(enc_hook=str).encode
