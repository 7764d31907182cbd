#include "bench/latency/submitter.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

namespace stint::bench {
namespace {

constexpr std::string_view kCreated = "HTTP/1.1 201 ";
constexpr std::string_view kLength = "\r\nContent-Length: ";
constexpr std::string_view kEndOfHeader = "\r\n\r\n";
constexpr int kAnswerSeconds = 30;

Status trouble(const std::string& what) { return fail(Errc::io, "POST /v1/jobs: " + what); }

/// How long a whole answer is that begins like this; 0: its header is not there yet.
std::size_t size_of_answer(std::string_view begun) {
  const auto end = begun.find(kEndOfHeader);
  const auto at = begun.substr(0, end).find(kLength);
  if (end == std::string_view::npos || at == std::string_view::npos) return 0;
  std::size_t body = 0;
  std::from_chars(begun.data() + at + kLength.size(), begun.data() + end, body);
  return end + kEndOfHeader.size() + body;
}

}  // namespace

Result<Submitter> Submitter::make(const adapters::HttpEndpoint& endpoint, const std::string& job_text) {
  Submitter made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  ::inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
  if (::connect(made.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(Errc::unavailable, endpoint.host + ":" + std::to_string(endpoint.port) + ": " + std::strerror(errno));
  const int on = 1;
  const timeval patience{kAnswerSeconds, 0};
  ::setsockopt(made.socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(made.socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  made.request_ = "POST /v1/jobs HTTP/1.1\r\nHost: " + endpoint.host + "\r\nAuthorization: Bearer " + endpoint.bearer_token +
                  "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(job_text.size()) + "\r\n\r\n" + job_text;
  return made;
}

Submitter::~Submitter() {
  if (socket_ >= 0) ::close(socket_);
}

Result<Submitter::Submitted> Submitter::submit() {
  Submitted submitted;
  submitted.sent = Clock::now();
  STINT_TRY_VOID(send());
  STINT_TRY(const std::string answer, read_answer());
  submitted.answered = Clock::now();
  if (!answer.starts_with(kCreated)) return tl::unexpected(trouble(answer).error());
  const auto body = boost::json::parse(answer.substr(answer.find(kEndOfHeader) + kEndOfHeader.size()));
  submitted.job = body.at("id").to_number<std::int64_t>();
  return submitted;
}

Status Submitter::send() const {
  for (std::string_view left = request_; !left.empty();) {
    const auto sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) return trouble(std::strerror(errno));
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::string> Submitter::read_answer() const {
  std::string answer;
  std::array<char, 4096> piece{};
  for (std::size_t size = 0; size == 0 || answer.size() < size; size = size_of_answer(answer)) {
    const auto got = ::recv(socket_, piece.data(), piece.size(), 0);
    if (got <= 0) return tl::unexpected(trouble(got == 0 ? "the scheduler closed the connection" : std::strerror(errno)).error());
    answer.append(piece.data(), static_cast<std::size_t>(got));
  }
  return answer;
}

}  // namespace stint::bench
