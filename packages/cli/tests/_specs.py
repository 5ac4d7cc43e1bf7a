"""A small spec, the same with something open, and the same with mistakes."""

SPEC = """# Corner shop

Sells things.

## Entity Thing

| field | type | rules |
|---|---|---|
| name | text(1..20) | unique |

- addressed by: name

## Command add thing

- door: `POST /things -> 201`

| input | type |
|---|---|
| name | of Thing |

```krepis
return create(Thing, name=name)
```

## Query show thing

- door: `GET /things/{thing}`

```krepis
return thing
```
"""
OPEN = """
## Command praise thing

Somebody likes it very much.

- door: `POST /things/{thing}/praise -> 200`
"""
WRONG = SPEC.replace("text(1..20)", "txt(1..20)").replace("return thing", "return thnig")
