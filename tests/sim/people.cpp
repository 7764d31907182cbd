#include "sim/people.hpp"

#include <boost/json.hpp>

namespace stint::sim {
namespace {

constexpr Duration kPause = std::chrono::milliseconds{900};

}  // namespace

void People::start(std::size_t count) {
  for (std::size_t number = 0; number < count; ++number) join(number, 0);
}

/// An answer that is lost takes the token with it: the next try is under another name.
void People::join(std::size_t number, std::size_t tries) {
  const std::string name = "person-" + std::to_string(number) + "-" + std::to_string(tries);
  client_.post("/v1/tokens", R"({"name":")" + name + R"(","scopes":["work"]})", {},
               [this, number, tries](const ports::HttpResponse* response) {
                 if (response == nullptr || response->status != 201) {
                   world_.agenda.after(kPause, [this, number, tries] { join(number, tries + 1); });
                   return;
                 }
                 work(std::string(boost::json::parse(response->body).as_object().at("token").as_string()));
               });
}

void People::work(const std::string& token) {
  if (are_resting_) return;
  const std::uint64_t lease_ms = 2000 + world_.prng.below(60'000);
  const std::uint64_t limit = 1 + world_.prng.below(3);
  client_.post("/v1/work/claim", R"({"limit":)" + std::to_string(limit) + R"(,"lease_ms":)" + std::to_string(lease_ms) + "}", token,
               [this, token](const ports::HttpResponse* response) {
                 if (response != nullptr && response->status == 200) on_claimed(token, response->body);
                 if (response != nullptr && response->status >= 400 && response->status < 500)
                   world_.findings.add("a good claim was refused: " + response->body);
               });
  world_.agenda.after(world_.prng.between(std::chrono::seconds{2}, std::chrono::seconds{12}), [this, token] { work(token); });
}

void People::on_claimed(const std::string& token, const std::string& body) {
  const auto value = boost::json::parse(body);
  for (const auto& item : value.as_object().at("items").as_array()) {
    const std::string task(item.as_object().at("task").as_string());
    const auto attempt = item.as_object().at("attempt").to_number<std::uint64_t>();
    const Duration thought = world_.prng.between(Duration{0}, std::chrono::seconds{10});
    world_.agenda.after(thought, [this, token, task, attempt] { decide(token, task, attempt); });
  }
}

void People::decide(const std::string& token, const std::string& task, std::uint64_t attempt) {
  const std::uint64_t mood = are_diligent_ ? 9 : world_.prng.below(10);
  if (mood == 0) return;  // forgotten: the claim runs out
  if (mood > 2) return answer(token, task, attempt);
  client_.post("/v1/work/" + task + "/release", R"({"attempt":)" + std::to_string(attempt) + "}", token, {});
}

/// Until it is known to have been taken, or to have come too late.
void People::answer(const std::string& token, const std::string& task, std::uint64_t attempt) {
  client_.post("/v1/work/" + task + "/answer", R"({"attempt":)" + std::to_string(attempt) + R"(,"result":{"label":"x"}})", token,
               [this, token, task, attempt](const ports::HttpResponse* response) {
                 if (response != nullptr && response->status < 500) return;
                 world_.agenda.after(kPause, [this, token, task, attempt] { answer(token, task, attempt); });
               });
}

}  // namespace stint::sim
