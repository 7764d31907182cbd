#include "scheduler/api/read_body.hpp"

#include <utility>

namespace stint::scheduler::api {

Result<boost::json::object> read_object(const std::string& body) {
  boost::system::error_code problem;
  auto value = boost::json::parse(body, problem);
  if (problem || !value.is_object()) return fail(Errc::invalid_argument, "the body must be a JSON object");
  return std::move(value.as_object());
}

}  // namespace stint::scheduler::api
