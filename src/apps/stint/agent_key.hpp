#pragma once

#include <string>

#include "base/result.hpp"
#include "client/api.hpp"

namespace stint::cli {

/// Registers an agent and gives its key, which the scheduler tells only now.
/// Errors:  already_exists  the name is taken.
[[nodiscard]] Result<client::AgentKey> register_agent(client::Api& api, const std::string& name);

/// The file that `stint agent start --key-file` reads (0600):
///   {"server":"127.0.0.1:7464","agent":7,"name":"a1","key_epoch":1,"key":"64 hexadecimal digits",
///    "tls_pins":["sha256:…"]}
/// Errors:  io.
[[nodiscard]] Status write_key_file(const std::string& path, const client::AgentKey& key);

}  // namespace stint::cli
