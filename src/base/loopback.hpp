#pragma once

#include <string_view>

namespace stint {

/// `localhost`, ::1, and 127.0.0.0/8 with its parts in decimal (127.1 too): bytes to these never leave the machine.
/// Whatever else is a name is none, wherever it would lead.
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace stint
