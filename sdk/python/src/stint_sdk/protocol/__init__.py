"""The protocol between an agent and its scheduler, without I/O: messages and their bytes, and an agent's session.

    from stint_sdk.protocol import AgentSession, Identity

Needs only the standard library. Source: docs/protocol.md.
"""

from __future__ import annotations

from stint_sdk.protocol.checker import Refused as Refused
from stint_sdk.protocol.clock import Now as Now
from stint_sdk.protocol.clock import read_now as read_now
from stint_sdk.protocol.decode import Envelope as Envelope
from stint_sdk.protocol.decode import decode_message as decode_message
from stint_sdk.protocol.decode import open_envelope as open_envelope
from stint_sdk.protocol.session import AgentSession as AgentSession
from stint_sdk.protocol.session import Ended as Ended
from stint_sdk.protocol.session import Established as Established
from stint_sdk.protocol.session import Identity as Identity
from stint_sdk.protocol.session import Received as Received
