"""WebSockets of the Standard server: uvicorn's protocol, with the stop told to the app, and stalled callers cut.

uvicorn closes WebSockets with 1012 the moment a stop begins, whatever the app is doing. Here the app is told instead: it
answers the commands that run, and closes with 1001.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from krepis._server import GuardedConfig, Stall, tell_streams

CLOSE_SECONDS_MAX = 1.0
"""How long a caller has to answer a closing frame."""


class GuardedSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol for WebSockets, without compression, since it costs memory for every connection."""

    config: GuardedConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stall = Stall(self.loop, self.config)
        self.close_timeout = CLOSE_SECONDS_MAX

    def connection_lost(self, exc: Exception | None) -> None:
        self._stall.over()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.begins(self.transport)

    def resume_writing(self) -> None:
        self._stall.over()
        super().resume_writing()

    def send_receive_event_to_app(self) -> None:
        # uvicorn would write a traceback into the log, and leave the connection open.
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.fail(CloseCode.INVALID_DATA, "the frame is not UTF-8")
                self.handle_parser_exception()
                self.transport.close()
                return
        super().send_receive_event_to_app()

    def shutdown(self) -> None:
        tell_streams(self.app_state)
        if self.close_sent or not self.handshake_complete:
            super().shutdown()
