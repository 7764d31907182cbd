#include "adapters/sqlite/store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/migrations.hpp"
#include "adapters/sqlite/row_reader.hpp"
#include "adapters/sqlite/row_writer.hpp"
#include "adapters/sqlite/sweeper.hpp"
#include "adapters/sqlite/wal.hpp"
#include "base/assert.hpp"

namespace stint::sqlite {
namespace {

using Clock = std::chrono::steady_clock;

// synchronous=FULL flushes the WAL at every commit. It is rewound when it has been copied, never truncated.
constexpr const char* kPragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-32768;";

/// The largest job and what a turn writes beside it.
constexpr std::uint64_t kRoomToReopen = std::uint64_t{5} << 20;

/// Held as long as the file is open: the kernel gives it back when the process dies, however it dies.
class LockFile {
 public:
  LockFile() = default;
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  ~LockFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  Status take(const std::string& path) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) return fail(errno == ENOSPC ? Errc::no_space : Errc::io, path + ": " + std::strerror(errno));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) return fail(Errc::conflict, holder(path));
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, pid.data(), pid.size(), 0) < 0) return {};  // the lock counts, the pid is for people
    return {};
  }

 private:
  std::string holder(const std::string& path) const {
    char buffer[32] = {};
    const auto got = ::pread(fd_, buffer, sizeof buffer - 1, 0);
    const std::string pid = got > 0 ? std::string(buffer, std::strcspn(buffer, "\n")) : "unknown";
    return "another scheduler (process " + pid + ") runs on this database (lock " + path +
           "): stop it, or give this one another --state-dir";
  }
  int fd_ = -1;
};

class SqliteStore final : public ports::Store {
 public:
  explicit SqliteStore(StoreOptions options) : options_(std::move(options)), rule_(options_.write_inline) {}

  ~SqliteStore() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Result<Opened> open(Committed committed) override {
    committed_ = std::move(committed);
    STINT_TRY_VOID(lock_.take(options_.path + ".lock"));
    STINT_TRY_VOID(connect());
    STINT_TRY_VOID(migrate(database_, options_.path));
    STINT_TRY_VOID(prepare());
    STINT_TRY_VOID(database_.run("UPDATE fence SET token = token + 1"));
    STINT_TRY(const auto opened, read_fence());
    token_ = opened.token;
    thread_ = std::thread([this] { work(); });
    return opened;
  }

  Status load(const std::function<Status(const core::Row&)>& row) override {
    STINT_TRY(auto reading, Database::open(options_.path, Database::Access::read_only));
    STINT_TRY_VOID(reading.run("BEGIN"));  // one snapshot of all tables
    return read_all(reading, row);
  }

  void commit(ports::Batch batch) override {
    if (take_connection(batch)) {
      carry_out(batch);
      give_back_connection();
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(batch));
    }
    wake_.notify_one();
  }

  void sweep(const ports::StoreRetention& keep, UnixMillis now, OnSwept swept) override {
    {
      const std::lock_guard lock(mutex_);
      sweep_ = Sweep{keep, now, std::move(swept)};
    }
    wake_.notify_one();
  }

  Result<Opened> reopen() override {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return queue_.empty() && !busy_; });
    STINT_TRY_VOID(check_room());
    STINT_TRY_VOID(database_.run("UPDATE fence SET token = token"));  // a write as small as can be: does the disk take it?
    STINT_TRY(const auto opened, read_fence());
    if (opened.token != token_) return fail(Errc::fenced, "another scheduler has taken over this database");
    full_ = false;
    return opened;
  }

 private:
  struct Sweep {
    ports::StoreRetention keep;
    UnixMillis now;
    OnSwept swept;
  };

  Status connect() {
    STINT_TRY(database_, Database::open(options_.path, Database::Access::read_write));
    STINT_TRY_VOID(database_.run(kPragmas));
    log_.watch(database_, options_.path + "-wal");
    return {};
  }

  /// What every batch needs, parsed once. The fence is the first that is written, and takes the lock that IMMEDIATE would take.
  Status prepare() {
    STINT_TRY(writer_, RowWriter::make(database_));
    STINT_TRY(begin_, database_.prepare("BEGIN"));
    STINT_TRY(fence_, database_.prepare("UPDATE fence SET batch = ? WHERE token = ?"));
    STINT_TRY(commit_, database_.prepare("COMMIT"));
    return {};
  }

  /// A full disk often has a page left: the small write fits, the next batch does not, and the scheduler would open and close without end.
  [[nodiscard]] Status check_room() const {
    struct statvfs disk{};
    if (::statvfs(options_.path.c_str(), &disk) != 0) return {};  // the write will tell
    const std::uint64_t room = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    if (room >= kRoomToReopen) return {};
    return fail(Errc::no_space, options_.path + ": " + std::to_string(room) + " bytes free on its disk, " + std::to_string(kRoomToReopen) +
                                    " are needed to go on");
  }

  Result<Opened> read_fence() {
    STINT_TRY(auto statement, database_.prepare("SELECT token, batch FROM fence"));
    STINT_TRY(const bool row, statement.step());
    if (!row) return fail(Errc::corrupt, options_.path + ": the fence row is missing");
    return Opened{FencingToken{static_cast<std::uint64_t>(statement.number(0))},
                  BatchNumber{static_cast<std::uint64_t>(statement.number(1))}};
  }

  /// Of the loop. True: nothing is written or waits to be, and the connection is the loop's until it gives it back.
  bool take_connection(const ports::Batch& batch) {
    const std::lock_guard lock(mutex_);
    if (busy_ || !queue_.empty() || !rule_.allows(batch.rows.size(), Clock::now())) return false;
    busy_ = true;
    return true;
  }

  /// The thread may have been woken for a sweep meanwhile, and have found the connection taken.
  void give_back_connection() {
    bool has_work = log_.is_due();
    {
      const std::lock_guard lock(mutex_);
      busy_ = false;
      tend_log_ = has_work;
      has_work = has_work || sweep_ || !queue_.empty();
    }
    if (has_work) wake_.notify_one();
  }

  /// Of the store's thread: gives the connection back, and takes it again for what there is to do next: a batch before a sweep, and the
  /// log after either. False: stopping, and all that was given is written.
  bool take_work(std::optional<ports::Batch>& batch, std::optional<Sweep>& sweep) {
    std::unique_lock lock(mutex_);
    busy_ = false;
    idle_.notify_all();
    wake_.wait(lock, [this] { return !busy_ && (stopping_ || !queue_.empty() || sweep_ || tend_log_); });
    batch.reset();
    sweep.reset();
    if (!queue_.empty()) {
      batch = std::move(queue_.front());
      queue_.pop_front();
    } else if (!stopping_) {
      sweep = std::exchange(sweep_, std::nullopt);
    }
    busy_ = batch || sweep || tend_log_;
    tend_log_ = false;
    return busy_;
  }

  void work() {
    std::optional<ports::Batch> batch;
    std::optional<Sweep> sweep;
    while (take_work(batch, sweep)) {
      if (batch) carry_out(*batch);
      if (sweep) carry_out(*sweep);
      log_.tend();
    }
  }

  void carry_out(Sweep& sweep) {
    const auto swept = full_ ? Result<ports::Swept>(fail(Errc::no_space, options_.path + ": the disk was full"))
                             : sweeper_.sweep(database_, token_, sweep.keep, sweep.now);
    options_.post([tell = std::move(sweep.swept), swept] { tell(swept); });
  }

  void carry_out(const ports::Batch& batch) {
    const auto began = Clock::now();
    Status status = full_ ? Status(fail(Errc::no_space, options_.path + ": the disk was full")) : write_resolved(batch);
    if (!status && status.error().code == Errc::no_space) full_ = true;
    const auto ended = Clock::now();
    options_.post([this, number = batch.number, status = std::move(status)] { committed_(number, status); });
    const std::lock_guard lock(mutex_);
    rule_.on_commit(began, ended);
  }

  /// After an error whose outcome is unknown, the fence row tells: our batch there -> done; an older one -> the identical batch again.
  Status write_resolved(const ports::Batch& batch) {
    Status first = write(batch);
    if (first || first.error().code == Errc::fenced) return first;
    [[maybe_unused]] const auto undone = database_.run("ROLLBACK");  // fails if SQLite has rolled back by itself
    if (first.error().code == Errc::no_space) return first;
    STINT_TRY_VOID(connect());
    STINT_TRY_VOID(prepare());
    STINT_TRY(const auto fence, read_fence());
    if (fence.token != token_) return fail(Errc::fenced, "another scheduler has taken over this database");
    if (fence.last_batch == batch.number) return {};
    return write(batch);
  }

  Status write(const ports::Batch& batch) {
    STINT_TRY_VOID(begin_.run());
    STINT_TRY_VOID(fence_.bind(static_cast<std::int64_t>(batch.number.value)).bind(static_cast<std::int64_t>(token_.value)).run());
    if (database_.changes() != 1) {
      STINT_TRY_VOID(database_.run("ROLLBACK"));
      return fail(Errc::fenced, "another scheduler has taken over this database");
    }
    writer_.begin_batch();
    for (const auto& row : batch.rows) STINT_TRY_VOID(writer_.write(row));
    STINT_TRY_VOID(writer_.finish_batch());
    if (const auto bytes = writer_.take_log_bytes(); bytes > 0)
      STINT_TRY_VOID(database_.run("UPDATE fence SET log_bytes = log_bytes + " + std::to_string(bytes)));
    return commit_.run();
  }

  StoreOptions options_;
  Committed committed_;
  LockFile lock_;
  // From here to full_: of whoever has set busy_, the store's thread or the loop; mutex_ hands them over.
  Database database_;  // the writing connection
  WriteAheadLog log_;
  RowWriter writer_;
  Statement begin_, fence_, commit_;
  Sweeper sweeper_;
  FencingToken token_;
  bool full_ = false;  // also of reopen(), while nobody is busy

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, idle_;
  std::deque<ports::Batch> queue_;
  std::optional<Sweep> sweep_;
  InlineRule rule_;
  bool busy_ = true;  // somebody uses the connection
  bool tend_log_ = false;  // the loop has left that to the thread
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<ports::Store> make_store(StoreOptions options) { return std::make_unique<SqliteStore>(std::move(options)); }

}  // namespace stint::sqlite
