"""Mail into a folder in the form that every mail program reads (Maildir), for a mail server beside the library to send."""

import mailbox
from email.message import EmailMessage
from pathlib import Path

from krepis import Context

from library.application.ports import Mail
from library.domain.letter import Letter

SENDER = "library@example.org"


class MaildirMail(Mail):
    """One file a letter. A letter that is sent again under the same idempotency key has the same `Message-ID`."""

    def __init__(self, folder: Path) -> None:
        self._folder = mailbox.Maildir(folder)

    async def send(self, ctx: Context, letter: Letter) -> None:
        message = EmailMessage()
        message["Message-ID"] = f"<{ctx.idempotency_key or ctx.new_id()}@library>"
        message["From"] = SENDER
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = ctx.now()
        message.set_content(letter.text)
        self._folder.add(message)
