#include "apps/stint/cmd_keys.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/stint/connection.hpp"
#include "apps/stint/report.hpp"
#include "client/exit_status.hpp"
#include "client/key_views.hpp"
#include "client/text.hpp"
#include "core/model/quantity.hpp"

namespace stint::cli {
namespace {

constexpr Duration kGraceMin = std::chrono::seconds{1},
                   kGraceMax = std::chrono::hours{24} * 90;  // as the scheduler has them; it judges too

std::string until_of(const client::KeyEpochView& key) {
  if (!key.removed_at.empty()) return "removed " + client::show_time(key.removed_at);
  if (!key.retired_at.empty()) return "retired " + client::show_time(key.retired_at);
  if (!key.retire_at.empty()) return "until " + client::show_time(key.retire_at);
  return "-";
}

std::string fate_of(const client::BehindView& agent) {
  if (agent.key_state == "removed") return "refused: revoke it and register it anew";
  if (agent.key_state == "retired") return "gets a newer key when it connects";
  return agent.connected ? "is being offered the newer key" : "gets a newer key when it connects";
}

void show_keys(const client::KeysView& keys) {
  client::Table table({{"KEY EPOCH", client::Align::right}, {"STATE"}, {"AGENTS", client::Align::right}, {"INSTALLED"}, {"ACCEPTED"}});
  for (const auto& key : keys.epochs)
    table.add({std::to_string(key.epoch), key.state, std::to_string(key.agents),
               key.installed_at.empty() ? "-" : client::show_time(key.installed_at), until_of(key)});
  write_all(STDOUT_FILENO, table.render());
  print_line(keys.next_rotation_at.empty() ? "No rotation by itself: [keys] rotate_every is 0."
                                           : "Next rotation by itself: " + client::show_time(keys.next_rotation_at) + " UTC.");
  if (keys.behind.empty()) return;
  client::Table behind({{"BEHIND"}, {"KEY EPOCH", client::Align::right}, {"LAST SEEN"}, {"WHAT COMES"}});
  for (const auto& agent : keys.behind)
    behind.add(
        {agent.agent, std::to_string(agent.epoch), agent.connected ? "connected" : client::show_time(agent.last_seen_at), fate_of(agent)});
  write_all(STDOUT_FILENO, behind.render());
}

int show_answer(const CommonOptions& options, const Result<std::string>& answer, const std::string& words) {
  if (!answer) return report_error(options, answer.error());
  if (options.json) {
    print_line(*answer);
    return client::kExitOk;
  }
  const auto keys = client::parse_keys_view(*answer);
  if (!keys) return report_error(options, keys.error());
  if (!words.empty()) notice(words);
  show_keys(*keys);
  return client::kExitOk;
}

int show_status(const CommonOptions& options) {
  Connection connection(options, Patience::short_);
  return show_answer(options, connection.api().get("/v1/keys"), "");
}

int rotate(const CommonOptions& options, const std::string& grace) {
  std::string body = "{}";
  if (!grace.empty()) {
    const auto duration = core::parse_duration(grace);
    if (!duration) return usage_error(options, "--grace: " + duration.error().detail);
    if (*duration < kGraceMin || *duration > kGraceMax) return usage_error(options, "--grace: 1s to 90d, got " + grace);
    body = "{\"grace_ms\":" + std::to_string(to_ms(*duration)) + "}";
  }
  Connection connection(options, Patience::short_);
  // Not repeated when the outcome is unknown: it would be a second rotation.
  return show_answer(options, connection.api().post("/v1/keys/rotate", body, client::Api::Repeat::when_not_done),
                     "a new key epoch is installed; connected agents get their keys now, the others when they come");
}

int retire(const CommonOptions& options, std::uint32_t epoch, bool is_now) {
  const std::string body = "{\"key_epoch\":" + std::to_string(epoch) + (is_now ? ",\"now\":true}" : "}");
  Connection connection(options, Patience::short_);
  const std::string name = "key epoch " + std::to_string(epoch);
  return show_answer(
      options, connection.api().post("/v1/keys/retire", body, client::Api::Repeat::always),
      is_now ? name + " is refused from now on" : name + " is retired: agents that still have it get a newer key when they come");
}

}  // namespace

void add_keys_commands(CLI::App& app, CommandLine& line) {
  CLI::App* keys = app.add_subcommand("keys", "Key epochs of the cell, and which agents are on which");
  keys->require_subcommand(1);
  CLI::App* status = add_command(*keys, line, "status", "Show the key epochs, and the agents that are behind", "  stint keys status");
  status->callback([&line] { line.action = [&line] { return show_status(line.common); }; });

  auto grace = std::make_shared<std::string>();
  CLI::App* rotate_command = add_command(
      *keys, line, "rotate", "Install the next key epoch now",
      "  stint keys rotate\n  stint keys rotate --grace 1h\n\n"
      "Agents get their new keys over their sessions; tasks run on. The older epoch is accepted until the grace is over, and gets\n"
      "a newer key for 90 days more. After a compromise: rotate, then `stint keys retire --now` the older one.");
  rotate_command->add_option("--grace", *grace, "How long the older epoch is accepted for work: 30s, 24h [keys.grace of the scheduler]");
  rotate_command->callback([&line, grace] { line.action = [&line, grace] { return rotate(line.common, *grace); }; });

  auto epoch = std::make_shared<std::uint32_t>(0);
  auto is_now = std::make_shared<bool>(false);
  CLI::App* retire_command = add_command(*keys, line, "retire", "Retire an older key epoch before its grace is over",
                                         "  stint keys retire 3\n  stint keys retire --now 3\n\n"
                                         "With --now it is refused altogether: agents that have no newer key must be registered anew.");
  retire_command->add_option("key-epoch", *epoch, "Which, as `stint keys status` shows it")->required()->check(CLI::Range(1, 65535));
  retire_command->add_flag("--now", *is_now, "Refuse it altogether: it is in wrong hands");
  retire_command->callback(
      [&line, epoch, is_now] { line.action = [&line, epoch, is_now] { return retire(line.common, *epoch, *is_now); }; });
}

}  // namespace stint::cli
