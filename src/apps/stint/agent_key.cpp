#include "apps/stint/agent_key.hpp"

#include "apps/stint/files.hpp"
#include "apps/stint/report.hpp"

namespace stint::cli {

Result<client::AgentKey> register_agent(client::Api& api, const std::string& name) {
  // Not repeated when the outcome is unknown: the name could be taken by then, with a key that nobody has.
  STINT_TRY(const std::string json, api.post("/v1/agents", "{\"name\":" + json_string(name) + "}", client::Api::Repeat::when_not_done));
  return client::parse_agent_key(json);
}

Status write_key_file(const std::string& path, const client::AgentKey& key) {
  std::string pins;
  for (const std::string& pin : key.tls_pins) pins += (pins.empty() ? "" : ",") + json_string(pin);
  return write_private_file(path, "{\"server\":" + json_string(key.server) + ",\"agent\":" + std::to_string(key.number) +
                                      ",\"name\":" + json_string(key.name) + ",\"key_epoch\":" + std::to_string(key.key_epoch) +
                                      ",\"key\":" + json_string(key.key) + ",\"tls_pins\":[" + pins + "]}\n");
}

}  // namespace stint::cli
