#include "apps/stint-agent/join_cell.hpp"

#include <sys/stat.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <utility>

#include "adapters/agent_host/address.hpp"
#include "adapters/agent_host/agent_loop.hpp"
#include "adapters/agent_host/join_files.hpp"
#include "adapters/agent_host/key_file.hpp"
#include "adapters/agent_host/stderr_log.hpp"
#include "adapters/agent_host/system.hpp"
#include "agent/enroller.hpp"
#include "apps/stint-agent/environment.hpp"
#include "base/loopback.hpp"
#include "core/model/agent.hpp"

namespace stint {
namespace {

struct Remedy {
  std::string_view code;
  Errc errc;
  std::string_view text;
};
constexpr std::string_view kNewToken = "make a new one where the scheduler is: stint agent token";
constexpr std::array kRemedies{
    Remedy{"token_used", Errc::conflict, kNewToken},
    Remedy{"token_expired", Errc::conflict, kNewToken},
    Remedy{"token_revoked", Errc::conflict, kNewToken},
    Remedy{"unauthenticated", Errc::unauthenticated,
           "it may have ended long ago, or the scheduler was restored from a backup; make a new one: stint agent token"},
    Remedy{"name_taken", Errc::conflict, "choose another one with --name, or make a token for another name"},
    Remedy{"bad_name", Errc::invalid_argument, "choose one with --name"},
    Remedy{"wrong_cell", Errc::conflict,
           "the address is another cell's, or the cell has a new key; make a new token there: stint agent token"},
    Remedy{"unsupported_version", Errc::unsupported, "install the version of Stint that the scheduler has"},
    Remedy{"unreachable", Errc::unavailable,
           "is the scheduler running, and does it listen on an address that this machine reaches? The same line can be used again"},
    Remedy{"interrupted", Errc::unavailable, "the same line can be used again"},
};

Error to_error(const std::string& server, const protocol::EnrolRefusal& refusal) {
  const std::string what = (refusal.detail.starts_with(server) ? "" : server + ": ") + refusal.detail + " (" + refusal.code + ")";
  for (const auto& [code, errc, text] : kRemedies)
    if (code == refusal.code) return {errc, what + ": " + std::string(text)};
  return {Errc::conflict, server + ": the scheduler refuses: " + refusal.detail + " (" + refusal.code + ")"};
}

Result<std::string> find_key_file(const JoinOptions& options) {
  if (!options.key_file.empty()) return options.key_file;
  STINT_TRY(const auto base, find_base_dir(options.state_dir));
  const mode_t before = ::umask(0077);
  std::error_code problem;
  std::filesystem::create_directories(base, problem);
  ::umask(before);
  if (problem) return fail(Errc::io, base + ": " + problem.message());
  return joined_key_file(base);
}

Result<agent_host::Address> find_server(const JoinOptions& options) {
  STINT_TRY(auto address, agent_host::parse_address(options.server));
  const auto plaintext = options.insecure_plaintext ? agent_host::Insecure::allowed : agent_host::Insecure::refused;
  STINT_TRY(address.transport, agent_host::choose_transport(address, plaintext));
  return address;
}

/// As the key file says it, so that the agent speaks the same there.
std::string to_text(const agent_host::Address& server) {
  const bool is_tls_here = is_loopback(server.host) && server.transport == agent_host::Transport::tls;
  return (is_tls_here ? "https://" : "") + server.text();
}

std::vector<Pin> pins_of(const protocol::EnrolToken& token) {
  if (token.cell == decltype(token.cell){}) return {};
  return {Pin{token.cell}};
}

std::string pick_name(const JoinOptions& options) {
  if (!options.name.empty()) return options.name;
  const auto host = agent_host::read_host_name();
  return core::is_agent_name(host) ? host : std::string{};
}

/// The scheduler's answer, however often it has to be asked for.
Result<protocol::EnrolGrant> ask(const JoinOptions& options, const protocol::EnrolToken& token, const wire::SigningKey& key,
                                 const agent_host::Address& server, CellTrust& trust) {
  agent_host::StderrLog log{options.log_level};
  agent_host::KernelEntropy entropy;
  agent::EnrollerConfig config;
  config.token = token;
  config.key = key;
  config.name = pick_name(options);
  config.host = agent_host::read_host_name();
  config.patience = options.timeout;
  agent::Enroller enroller{std::move(config), entropy, log, agent_host::read_now()};
  boost::asio::io_context io{1};
  agent_host::AgentLoop::Options link;
  link.servers = {server};
  link.tls = [&trust] { return trust.frames(); };
  agent_host::AgentLoop loop{io, enroller, std::move(link), log};
  loop.start();
  io.run();
  if (const auto* failed = enroller.failed()) return tl::unexpected<Error>(to_error(server.text(), *failed));
  return *enroller.granted();
}

/// The agent that the key file holds already, if this token made it.
Result<Joined> find_earlier(const std::string& path, const protocol::EnrolToken& token) {
  STINT_TRY(const auto key, agent_host::read_key_file(path));
  if (key.token != protocol::enrol_token_name(token.id))
    return fail(Errc::already_exists, path + " holds the key of agent " + key.name + " of " + key.server +
                                          ", which did not join with this token; name another file with --key-file");
  return Joined{path, key.server, key.name, key.agent, true};
}

}  // namespace

Result<Joined> join_cell(const JoinOptions& options) {
  STINT_TRY(const auto token, protocol::parse_enrol_token(options.token));
  STINT_TRY(const auto server, find_server(options));
  if (!options.name.empty() && !core::is_agent_name(options.name))
    return fail(Errc::invalid_argument, "--name: 1 to 64 letters, digits, `-`, `_` or `.`, and not `tokens`");
  STINT_TRY(const auto path, find_key_file(options));
  if (std::error_code ignored; std::filesystem::exists(path, ignored)) return find_earlier(path, token);
  agent_host::KernelEntropy entropy;
  STINT_TRY(const auto seed, agent_host::load_or_make_signing_key(agent_host::signing_key_path(path), entropy));
  STINT_TRY(const auto trust, CellTrust::make(options.tls, pins_of(token), nullptr));
  STINT_TRY(const auto grant, ask(options, token, wire::SigningKey(seed), server, *trust));
  agent_host::JoinedKey key;
  key.server = to_text(server);
  key.token = protocol::enrol_token_name(token.id);
  key.agent = grant.address.agent;
  key.name = grant.name;
  key.key.epoch = grant.address.epoch;
  key.key.generation = grant.address.generation;
  key.key.key = grant.key.bytes;
  key.tls_pins = pins_of(token);
  STINT_TRY_VOID(agent_host::write_joined_key(path, key));
  return Joined{path, key.server, key.name, key.agent, false};
}

}  // namespace stint
