"""Idempotency keys: a caller who is not sure whether a command was done sends it again with the same key, and gets the
first answer again.

```python
app = App("shop", parts=(Idempotency(required=(PlaceOrder,)),), ...)
include_tables(metadata, *idempotency.TABLES)
```

After the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header). Rules that hold:

- The answer is stored in the transaction of the command. So after a crash a key is either unused or answered.
- Of concurrent calls with one key one runs; the others wait for it and get its answer.
- A key belongs to the tenant and the actor who sends it. All callers without a name share one scope per tenant, so theirs
  must be long enough not to meet (`anonymous_key_min`).
- The same key with another command, or with other fields: 422. A refused command stores nothing; it may be tried again.
- A command that calls out (phased) has no transaction while it does: two of its calls at the same time may both call
  out, with the same key for the same call (`krepis.plan`), and one of them is stored.
- Neither key nor message is stored, only digests of them. Answers are stored as they are, for `keep_s` at least.
- No secret is stored: of an answer that holds one (a `Secret`, a text under a name like `token`, whatever
  `krepis.accounts` has made for the caller) is kept only that it was given. A repeated call then does nothing and
  hears 409 `answer_not_kept`.
"""

from krepis.idempotency._answers import AnswerNotKept, AnswerOutdated
from krepis.idempotency._calls import BadIdempotencyKey, IdempotencyKeyReused
from krepis.idempotency._part import Idempotency, IdempotencyKeyRequired
from krepis.idempotency._tables import TABLES

__all__ = (
    "TABLES",
    "AnswerNotKept",
    "AnswerOutdated",
    "BadIdempotencyKey",
    "Idempotency",
    "IdempotencyKeyRequired",
    "IdempotencyKeyReused",
)
