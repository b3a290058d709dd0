"""OTLP in: what customers' servers and clients export, decoded, checked, masked and made into records.

`wire.py` knows both forms of a body (protobuf, JSON), gzip and the answers; `json_form.py` is the JSON
form; `spans.py` makes records. All of it is pure: bytes, who sent them and the time in, records out.
Nothing here may leave a text of the sender unmasked. Source: the OTLP specification 1.x.
"""
