#include "apps/stint/report.hpp"

#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>

#include "client/exit_status.hpp"
#include "client/resolve.hpp"

namespace stint::cli {

std::string json_string(std::string_view text) { return boost::json::serialize(boost::json::string_view(text.data(), text.size())); }

std::optional<std::string> find_json_string(std::string_view text, std::string_view key) {
  boost::json::error_code failed;
  const boost::json::value value = boost::json::parse(boost::json::string_view(text.data(), text.size()), failed);
  const boost::json::object* object = failed ? nullptr : value.if_object();
  const boost::json::value* item = object != nullptr ? object->if_contains(boost::json::string_view(key.data(), key.size())) : nullptr;
  return item != nullptr && item->is_string() ? std::optional(std::string(item->get_string())) : std::nullopt;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void notice(std::string_view text) { write_all(STDERR_FILENO, "stint: " + std::string(text) + "\n"); }
void notice_more(const std::string& next, bool has_limit) {
  notice("there are more; " + std::string(has_limit ? "" : "--limit shows more at once, ") + "--after " + next + " goes on from here");
}
void print_line(std::string_view text) { write_all(STDOUT_FILENO, std::string(text) + "\n"); }

static void print_error(std::string_view code, const std::string& detail) {
  print_line("{\"error\":{\"code\":" + json_string(code) + ",\"detail\":" + json_string(detail) + "}}");
}

static void tell(const CommonOptions& options, std::string_view code, const std::string& detail) {
  notice(detail);
  if (options.json) print_error(code, detail);
}

int report_error_as_it_is(const CommonOptions& options, const Error& error) {
  tell(options, to_string(error.code), error.detail);
  return client::kExitStint;
}

int report_error(const CommonOptions& options, const Error& error) {
  const bool is_away = error.code == Errc::unavailable;
  tell(options, to_string(error.code), error.detail + (is_away ? "; is the scheduler running? `stint dev` starts one here" : ""));
  return client::kExitStint;
}

void print_usage_error(const std::string& detail) { print_error("usage", detail); }

int usage_error(const CommonOptions& options, const std::string& detail) {
  tell(options, "usage", detail);
  return client::kExitUsage;
}

int report_unresolved(const CommonOptions& options, const Error& error) {
  return client::is_in_job_file(error) ? usage_error(options, error.detail) : report_error(options, error);
}

}  // namespace stint::cli
