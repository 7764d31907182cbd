#include "scheduler/api/problem.hpp"

#include <boost/json.hpp>

namespace stint::scheduler::api {
namespace {

const char* title_of(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 422: return "Unprocessable Content";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return "Internal Server Error";
  }
}

int status_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument: return 400;
    case Errc::not_found: return 404;
    case Errc::already_exists:
    case Errc::conflict: return 409;
    case Errc::out_of_range: return 413;
    case Errc::unauthenticated: return 401;
    case Errc::forbidden: return 403;
    case Errc::unavailable:
    case Errc::outcome_unknown:
    case Errc::fenced: return 503;
    case Errc::no_space: return 507;
    case Errc::corrupt:
    case Errc::io:
    case Errc::unsupported: return 500;
  }
  return 500;
}

}  // namespace

ports::HttpResponse to_response(const Problem& problem) {
  boost::json::object body{{"type", "about:blank"},
                           {"title", title_of(problem.status)},
                           {"status", problem.status},
                           {"code", problem.code},
                           {"detail", problem.detail}};
  if (!problem.where.empty()) body["where"] = problem.where;
  if (!problem.limit.empty()) body["limit"] = problem.limit;
  if (!problem.remedy.empty()) body["remedy"] = problem.remedy;
  if (problem.offset) body["offset"] = *problem.offset;
  ports::HttpResponse response;
  response.status = problem.status;
  response.content_type = "application/problem+json";
  if (problem.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (problem.status == 503) response.headers.emplace_back("Retry-After", "1");
  response.body = boost::json::serialize(body) + "\n";
  return response;
}

Problem to_problem(const Error& error) {
  Problem problem;
  problem.status = status_of(error.code);
  problem.code = to_string(error.code);
  problem.detail = error.detail;
  return problem;
}

}  // namespace stint::scheduler::api
