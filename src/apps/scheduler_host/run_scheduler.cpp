#include "apps/scheduler_host/run_scheduler.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "adapters/blobs/store.hpp"
#include "adapters/server/clock.hpp"
#include "adapters/server/entropy.hpp"
#include "adapters/server/frame_server.hpp"
#include "adapters/server/http_server.hpp"
#include "adapters/server/listener.hpp"
#include "adapters/server/own_addresses.hpp"
#include "adapters/server/web_socket_server.hpp"
#include "adapters/sqlite/store.hpp"
#include "apps/scheduler_host/reach.hpp"
#include "apps/scheduler_host/state_files.hpp"
#include "apps/scheduler_host/urgency.hpp"
#include "net/tls.hpp"
#include "protocol/limits.hpp"
#include "scheduler/daemon.hpp"
#include "wire/crypto.hpp"

namespace stint::apps {
namespace {

namespace asio = boost::asio;

/// Since the commit before: with more to do than that the loop gives no processor away, which comes back only after others' slices.
constexpr Duration kQuiet = std::chrono::milliseconds(2);

class SpdLog final : public Log {
 public:
  explicit SpdLog(const std::string& level) : logger_(spdlog::stderr_color_mt("stint-scheduler")) {
    logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    logger_->set_level(spdlog::level::from_str(level));
    logger_->flush_on(spdlog::level::debug);
  }
  void write(LogLevel level, std::string message) override {
    static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                            spdlog::level::err};
    logger_->log(kLevels[static_cast<int>(level)], message);
  }

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

/// Everything a scheduler process consists of, wired together in the order in which it depends on each other.
class SchedulerHost {
 public:
  explicit SchedulerHost(const SchedulerHostOptions& options)
      : options_(options),
        log_(options.log_level),
        frames_(io_, [this] { schedule_turn(); }),
        http_([this] { schedule_turn(); }),
        web_sockets_([this] { schedule_turn(); }),
        listener_(io_,
                  {[this](auto stream) { frames_.adopt(std::move(stream)); }, [this](auto stream) { http_.adopt(std::move(stream)); },
                   [this](auto stream) { http_.turn_away_plaintext(std::move(stream)); }},
                  log_),
        timer_(io_),
        signals_(io_),
        store_timer_(io_) {}

  Status start() {
    STINT_TRY_VOID(make_state_dir(options_.state_dir));
    scheduler::DaemonOptions daemon;
    STINT_TRY(daemon.key_encryption_key, load_or_make_kek(options_.state_dir, std::getenv(kKekVariable), entropy_));
    STINT_TRY(const std::string token, load_or_make_token(options_.state_dir, entropy_));
    daemon.api_token_sha256 = wire::sha256(as_bytes(token));
    const Now now = server::read_clocks();
    daemon.session_time_offset_ms = to_ms(now.wall) - to_ms(now.mono.time_since_epoch());
    daemon.state_dir = options_.state_dir;
    daemon.heartbeat_interval = options_.heartbeat_interval;
    daemon.retention = options_.retention;
    daemon.keys = options_.keys;

    STINT_TRY(const auto opened, open_store());
    STINT_TRY(blobs_, open_blobs());
    STINT_TRY_VOID(listener_.listen(options_.listen, options_.port_fallback));
    const Reach reach = find_reach(listener_.address(), options_.advertise);
    STINT_TRY(const auto pins, load_tls());
    daemon.server = reach.advertised;
    daemon.addresses = reach.addresses;
    daemon.tls_pins = pins;
    daemon.listener = &listener_.counters();
    daemon_ = std::make_unique<scheduler::Daemon>(std::move(daemon),
                                                  scheduler::DaemonPorts{*store_, *reader_, *blobs_, links_, http_, entropy_, log_});
    frames_.set_handler(daemon_->links());
    web_sockets_.set_handler(daemon_->links());
    http_.set_upgrade([this](auto stream, auto request) { web_sockets_.adopt(std::move(stream), std::move(request)); });
    STINT_TRY_VOID(daemon_->start(opened, now));
    http_.set_handler(daemon_->http());
    STINT_TRY(const auto plaintext, choose_plaintext());
    STINT_TRY_VOID(serve_tls(reach, plaintext));
    const std::string scheme = plaintext == server::Plaintext::served ? "http://" : "https://";
    STINT_TRY_VOID(write_context(options_.state_dir, {scheme + reach.local, token, pins}));
    watch_signals();
    schedule_turn();
    log_.info("scheduler " STINT_VERSION " listens on " + listener_.address() + ", state in " + options_.state_dir);
    log_.info("TLS with key " + to_text(pins.front()));
    if (listener_.address() != options_.listen && !options_.listen.ends_with(":0")) log_.warn(options_.listen + " was taken");
    return say_ready();
  }

  int run() {
    ask_for_short_slices();  // not for the threads that there are
    io_.run();
    if (daemon_->fatal() == nullptr) return 0;
    log_.error(std::string(to_string(daemon_->fatal()->code)) + ": " + daemon_->fatal()->detail);
    return 125;
  }

 private:
  /// The pin of the key that will be shown, that of a certificate which was named or the cell's own; then those that may be shown later.
  Result<std::vector<Pin>> load_tls() {
    std::vector<Pin> pins;
    if (options_.tls_certificate.empty()) {
      STINT_TRY(own_tls_key_, load_or_make_tls_key(options_.state_dir, kTlsKeyFile));
      STINT_TRY(const auto next_key, load_or_make_tls_key(options_.state_dir, kNextTlsKeyFile));
      for (const std::string& key : {own_tls_key_, next_key}) {
        STINT_TRY(const Pin pin, net::pin_of_key(key));
        pins.push_back(pin);
      }
    } else {
      STINT_TRY(tls_, net::TlsServer::make({options_.tls_certificate, options_.tls_key, options_.tls_client_ca}));
      pins.push_back(tls_->pin());
    }
    const std::size_t own = pins.size();
    pins.insert(pins.end(), options_.tls_next_pins.begin(), options_.tls_next_pins.end());
    if (pins.size() > protocol::limits::kCellPins)
      return fail(Errc::out_of_range, "[tls] next_pins: " + std::to_string(options_.tls_next_pins.size()) + " pins; agents keep " +
                                          std::to_string(protocol::limits::kCellPins) + ", and this cell has " + std::to_string(own) +
                                          " of its own");
    return pins;
  }

  /// Bytes to loopback never leave the machine.
  Result<server::Plaintext> choose_plaintext() {
    STINT_TRY(const bool loopback, server::is_loopback(listener_.address()));
    if (!loopback && options_.insecure_plaintext)
      log_.warn("--insecure-plaintext: " + listener_.address() +
                " serves what comes without TLS too: everybody on the way can read tokens, commands and output");
    return loopback || options_.insecure_plaintext ? server::Plaintext::served : server::Plaintext::refused;
  }

  Status serve_tls(const Reach& reach, server::Plaintext plaintext) {
    if (!tls_) {
      const std::string certificate = options_.state_dir + "/tls.crt";
      const net::CertificateWish wish{"stint cell " + daemon_->cell_id(), reach.names, server::read_clocks().wall};
      STINT_TRY(const bool is_new, ensure_tls_certificate(options_.state_dir, own_tls_key_, wish));
      if (is_new) log_.info("new certificate in " + certificate);
      STINT_TRY(tls_, net::TlsServer::make({certificate, options_.state_dir + "/" + kTlsKeyFile, options_.tls_client_ca}));
    }
    listener_.set_tls(std::move(*tls_), plaintext);
    return {};
  }

  Result<ports::Store::Opened> open_store() {
    const std::string path = options_.state_dir + "/state.db";
    sqlite::StoreOptions options;
    options.path = path;
    options.post = [this](std::function<void()> work) { asio::post(io_, std::move(work)); };
    options.post_later = [this](Duration wait, std::function<void()> work) {
      store_timer_.expires_after(wait);
      store_timer_.async_wait([work = std::move(work)](boost::system::error_code cancelled) {
        if (!cancelled) work();
      });
    };
    store_ = sqlite::make_store(std::move(options));
    STINT_TRY(const auto opened, store_->open([this](BatchNumber number, Status status) { on_committed(number, status); }));
    STINT_TRY(reader_, store_->make_reader());
    return opened;
  }

  Result<std::unique_ptr<ports::BlobStore>> open_blobs() {
    blobs::FileBlobStoreOptions options;
    options.folder = options_.state_dir;
    options.now = [] { return server::read_clocks().wall; };
    options.post = [this](std::function<void()> work) {
      asio::post(io_, [this, work = std::move(work)] {
        work();
        schedule_turn();
      });
    };
    return blobs::open_store(std::move(options));
  }

  void on_committed(BatchNumber number, const Status& status) {
    const Now now = server::read_clocks();
    daemon_->on_committed(number, status, now);
    gives_way_ = now.mono - committed_at_ >= kQuiet;
    committed_at_ = now.mono;
    schedule_turn();
  }

  /// One turn after everything that is ready now: what arrived together is decided and written together.
  void schedule_turn() {
    if (std::exchange(turn_scheduled_, true)) return;
    asio::post(io_, [this] {
      turn_scheduled_ = false;
      // Frames have left, answers have not. An agent of this machine is often woken on our own processor and would wait for us there.
      if (std::exchange(gives_way_, false)) std::this_thread::yield();
      daemon_->end_turn(server::read_clocks());
      if (daemon_->fatal() != nullptr) return stop();
      arm_timer();
    });
  }

  void arm_timer() {
    const Instant deadline = daemon_->next_deadline();
    if (deadline == armed_) return;
    armed_ = deadline;
    if (deadline == Instant::max()) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(std::max(deadline - server::read_clocks().mono, Duration{0}));
    timer_.async_wait([this](boost::system::error_code cancelled) {
      if (cancelled) return;
      armed_ = Instant::max();
      daemon_->on_timer(server::read_clocks());
      schedule_turn();
    });
  }

  void watch_signals() {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait([this](boost::system::error_code cancelled, int) {
      if (!cancelled) stop();
    });
  }

  void stop() {
    listener_.close();
    daemon_->close_sessions(server::read_clocks());
    frames_.shut_down();
    web_sockets_.shut_down();
    io_.stop();
  }

  Status say_ready() {
    if (options_.ready_fd < 0) return {};
    const std::string line = listener_.address() + "\n";
    const bool said = ::write(options_.ready_fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    ::close(options_.ready_fd);
    if (!said) return fail(Errc::io, "--ready-fd " + std::to_string(options_.ready_fd) + " takes no bytes");
    return {};
  }

  SchedulerHostOptions options_;
  std::string own_tls_key_;  ///< empty: a certificate was named
  std::optional<net::TlsServer> tls_;  ///< until the listener has it
  SpdLog log_;
  server::KernelEntropy entropy_;
  asio::io_context io_{1};
  server::FrameServer frames_;
  server::HttpServer http_;
  server::WebSocketServer web_sockets_;
  server::AllLinks links_{frames_, web_sockets_};
  server::Listener listener_;
  asio::steady_timer timer_;
  asio::signal_set signals_;
  asio::steady_timer store_timer_;
  std::unique_ptr<sqlite::Store> store_;
  std::unique_ptr<ports::StoreReader> reader_;
  std::unique_ptr<ports::BlobStore> blobs_;
  std::unique_ptr<scheduler::Daemon> daemon_;
  Instant armed_ = Instant::max();
  bool turn_scheduled_ = false;
  Instant committed_at_{};
  bool gives_way_ = false;  ///< the next turn lets others have the processor first
};

}  // namespace

int run_scheduler(const SchedulerHostOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};  // a descriptor for each agent: the soft limit is for programs that use select()
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  try {
    SchedulerHost host(options);
    if (const auto started = host.start(); !started) {
      spdlog::default_logger()->flush();
      std::fprintf(stderr, "stint: %s\n", started.error().detail.c_str());
      return 125;
    }
    return host.run();
  } catch (const std::exception& problem) {  // a library's last resort: out of memory, descriptors
    std::fprintf(stderr, "stint: the scheduler stops: %s\n", problem.what());
    return 125;
  }
}

}  // namespace stint::apps
