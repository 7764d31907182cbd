#include "bench/dispatch/hyperqueue.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

namespace stint::bench {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::optional<std::string> HyperQueue::find_program(const char* variable) {
  const char* const program = std::getenv(variable);
  if (program == nullptr || *program == '\0') return std::nullopt;
  return program;
}

Result<std::string> HyperQueue::version(const std::string& program) {
  STINT_TRY(const auto folder, Folder::make());
  const std::string said = folder.path() / "version";
  STINT_TRY_VOID(Child::run({program, "--version"}, said));
  std::string text = text_of(said);
  return text.substr(0, text.find('\n'));
}

Result<std::unique_ptr<HyperQueue>> HyperQueue::start(const std::string& program, std::uint32_t cpus) {
  STINT_TRY(auto folder, Folder::make());
  std::unique_ptr<HyperQueue> made(new HyperQueue(program, std::move(folder)));
  const std::string journal = made->folder_.path() / "journal";
  STINT_TRY(made->server_, Child::start(made->call({"server", "start", "--journal", journal}), made->log()));
  STINT_TRY_VOID(Child::run(made->call({"server", "wait", "--timeout", "60s"}), made->log()));
  STINT_TRY(made->worker_, Child::start(made->call({"worker", "start", "--cpus", std::to_string(cpus)}), made->log()));
  STINT_TRY_VOID(Child::run(made->call({"worker", "wait", "1"}), made->log()));
  return made;
}

std::vector<std::string> HyperQueue::call(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {program_, "--server-dir", folder_.path() / "server"});
  return arguments;
}

Result<HyperQueue::Timed> HyperQueue::time_array(std::uint32_t tasks, const std::vector<std::string>& command) {
  auto submit = call({"submit", "--wait", "--array", "1-" + std::to_string(tasks), "--stdout", "none", "--stderr", "none", "--"});
  submit.insert(submit.end(), command.begin(), command.end());
  const auto start = Clock::now();
  STINT_TRY_VOID(Child::run(submit, log()));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  STINT_TRY(const auto finished, count_finished());
  if (finished && *finished != tasks)
    return fail(Errc::io, program_ + ": " + std::to_string(*finished) + " of " + std::to_string(tasks) + " tasks finished");
  return Timed{seconds, finished.has_value()};
}

/// Of the last job; nullopt if the server is not there any more.
Result<std::optional<std::uint64_t>> HyperQueue::count_finished() const {
  const std::string said = folder_.path() / "jobs.json";
  const Status listed = Child::run(call({"job", "list", "--all", "--output-mode", "json"}), said);
  const std::string text = text_of(said);
  std::error_code ignored;
  std::filesystem::remove(said, ignored);
  if (!listed) return std::nullopt;
  json::error_code failed;
  const auto jobs = json::parse(text, failed);
  if (failed || !jobs.is_array() || jobs.as_array().empty()) return fail(Errc::io, program_ + ": job list: " + text.substr(0, 200));
  return jobs.as_array().back().at_pointer("/task_stats/finished").to_number<std::uint64_t>();
}

}  // namespace stint::bench
