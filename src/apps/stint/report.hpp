#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apps/stint/command_line.hpp"
#include "base/result.hpp"

/// What the commands print, and the statuses they end with.
namespace stint::cli {

/// `stint: …` on stderr, and with --json {"error": …} on stdout. 125.
int report_error(const CommonOptions& options, const Error& error);
/// The same for a mistake on the command line or in a job file. 2.
int usage_error(const CommonOptions& options, const std::string& detail);
/// As report_error, without advice for those who have no scheduler: the error says what to do.
int report_error_as_it_is(const CommonOptions& options, const Error& error);
/// What resolve_sources() came back with: a mistake in the job file, or a scheduler that does not answer. 2 or 125.
int report_unresolved(const CommonOptions& options, const Error& error);
/// The JSON of a usage error alone: people have been told already.
void print_usage_error(const std::string& detail);

/// A line on stderr, `stint: …`.
void notice(std::string_view text);

/// That a list goes on: how to see more of it at once, unless a limit was asked for, and what comes next.
void notice_more(const std::string& next, bool has_limit);

/// One line on stdout.
void print_line(std::string_view text);
/// As it is, all of it; false if nobody reads any more.
bool write_all(int fd, std::string_view bytes);

/// `"text"` with JSON's escapes.
[[nodiscard]] std::string json_string(std::string_view text);
/// The string that the object `json` has under `key`.
[[nodiscard]] std::optional<std::string> find_json_string(std::string_view json, std::string_view key);

}  // namespace stint::cli
