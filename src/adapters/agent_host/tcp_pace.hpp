#pragma once

#include <cstddef>

namespace stint::agent_host {

/// How many more bytes may be handed to the kernel now. A frame's time stamp is made when it is handed over, and the receiver judges it
/// within
/// five seconds: so no more may wait there than max(16 KiB, what this connection delivers in one second).
/// Source:  docs/protocol.md "Time".
[[nodiscard]] std::size_t send_allowance(int socket);

}  // namespace stint::agent_host
