"""Try the command out.

examples:
  krepis probe say hello
"""

import sys
import time

from krepis.errors import FieldError, Invalid, KrepisError, NotFound, Unavailable
from krepis.verbs import DONE, OPEN, printable

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202etxt\x9b31m\x7f"


def add_arguments(parser):
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    say = actions.add_parser("say", help="say words")
    say.add_argument("word", nargs="*")
    say.add_argument("--colour", choices=["red", "green"], help="100%% of it")
    for (
        name
    ) in "hostile notes refuse unavailable invalid fail bug hang hang-quietly progress ask many open noise".split():
        actions.add_parser(name, help=name)


def main(args, console):
    return globals()[args.action.replace("-", "_")](args, console)


def say(args, console):
    text = " ".join(args.word)
    console.answer({"words": args.word, "colour": args.colour}, console.style(text, "bold", args.colour or "dim"))
    return DONE


def hostile(args, console):
    console.answer({"text": HOSTILE}, [HOSTILE, console.style("fine", "red"), "two\tcolumns", printable("a\nb")])
    console.warn(HOSTILE)
    raise KrepisError(f"no {HOSTILE}", place=HOSTILE, hint=HOSTILE)


def notes(args, console):
    console.note("do this next")
    console.warn("mind this")
    console.answer({"done": True}, "done")
    return DONE


def refuse(args, console):
    raise NotFound("there is no such book")


def unavailable(args, console):
    raise Unavailable


def invalid(args, console):
    raise Invalid((FieldError(("days",), "too_large", "is above 90"),))


def fail(args, console):
    raise KrepisError("it can't be", code="impossible", place="shop/app.py:7", hint="do without", exit_code=OPEN)


def bug(args, console):
    return {}["the key"]


def hang(args, console):
    console.warn("ready")
    time.sleep(600)


def hang_quietly(args, console):
    import asyncio

    async def wait():
        console.warn("ready")
        await asyncio.sleep(600)

    asyncio.run(wait())


def progress(args, console):
    with console.progress("counting", 30) as counted:
        for _ in range(30):
            time.sleep(0.05)
            counted.step()
    console.answer({"counted": counted.done}, f"counted {counted.done}")
    return DONE


def ask(args, console):
    console.answer({}, "yes" if console.ask("Really?") else "no")
    return DONE


def many(args, console):
    for number in range(200_000):
        console.answer({"number": number}, f"line {number}")
    return DONE


def open(args, console):
    console.answer({"left": 2}, "2 are left")
    return OPEN


def noise(args, console):
    sys.exit("as any program may")
