"""Judges that are not ours: zcbor for the schema, pycose for the seals, the pure Python line of cbor2 for the bytes."""
