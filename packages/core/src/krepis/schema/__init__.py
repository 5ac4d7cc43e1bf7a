"""One message, one schema tree: plain data that drives decoding, the collection of errors, and OpenAPI.

- `tree` is the data, `inspection.schema_of` makes it of a type.
- `decode.Decoder` reads bodies and flat texts, fast, and says every failing field when it refuses; `encode` writes.
- `jsonschema` is the tree as JSON Schema.
"""
