#include "adapters/sqlite/store.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "adapters/sqlite/ahead_file.hpp"
#include "adapters/sqlite/attempt_runs.hpp"
#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/lock_file.hpp"
#include "adapters/sqlite/migrations.hpp"
#include "adapters/sqlite/recording.hpp"
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

/// As long as the database may be behind what was told: the next batch comes sooner, mostly, and takes what is ahead along.
constexpr auto kCatchUp = std::chrono::milliseconds(5);

/// Fewer than share a row: a run is carved out of others, which have to be read.
constexpr std::size_t kAheadRows = kRunMin - 1;

/// The batch has a job that somebody has just submitted and waits for, and nothing that reads the database to be written.
bool may_go_ahead(const ports::Batch& batch) {
  const auto is_job = [](const core::Row& row) { return std::holds_alternative<core::JobRow>(row); };
  const auto is_blind = [](const core::Row& row) {
    return std::holds_alternative<core::JobRow>(row) || std::holds_alternative<core::JobStateRow>(row) ||
           std::holds_alternative<core::AttemptRow>(row) || std::holds_alternative<core::EventRow>(row);
  };
  return batch.rows.size() <= kAheadRows && std::any_of(batch.rows.begin(), batch.rows.end(), is_job) &&
         std::all_of(batch.rows.begin(), batch.rows.end(), is_blind);
}

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(StoreOptions options) : options_(std::move(options)), rule_(options_.write_inline) {}

  ~SqliteStore() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      catch_up_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Result<Opened> open(Committed committed) override {
    committed_ = std::move(committed);
    STINT_TRY_VOID(lock_.take(options_.path + ".lock"));
    STINT_TRY_VOID(connect());
    STINT_TRY_VOID(open_ahead());
    STINT_TRY_VOID(migrate(database_, options_.path));
    STINT_TRY_VOID(prepare());
    STINT_TRY_VOID(database_.run("UPDATE fence SET token = token + 1"));
    STINT_TRY(const auto opened, read_fence());
    token_ = opened.token;
    thread_ = std::thread([this] { work(); });
    return opened;
  }

  Status load(const std::function<Status(const core::Row&)>& row) override {
    const bool is_settled = settle();
    STINT_TRY(auto reading, Database::open(options_.path, Database::Access::read_only));
    STINT_TRY_VOID(reading.run("BEGIN"));  // one snapshot of all tables
    STINT_TRY_VOID(read_all(reading, row));
    return is_settled ? Status{} : read_ahead(row);
  }

  void commit(ports::Batch batch) override {
    if (take_connection(batch)) {
      if (!write_ahead(batch)) carry_out(batch);
      give_back_connection();
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(batch));
    }
    wake_.notify_one();
  }

  /// Only of what goes ahead: other batches are over before anybody has prepared anything, or are many.
  bool is_prompt(const ports::Batch& batch) const override {
    const std::lock_guard lock(mutex_);
    return is_free(batch) && can_be_ahead(batch);
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
    if (ahead_) STINT_TRY_VOID(catch_up());
    STINT_TRY_VOID(database_.run("UPDATE fence SET token = token"));  // a write as small as can be: does the disk take it?
    STINT_TRY(const auto opened, read_fence());
    if (opened.token != token_) return fail(Errc::fenced, "another scheduler has taken over this database");
    full_ = false;
    is_ahead_ = ahead_.has_value();
    return opened;
  }

  Result<std::unique_ptr<ports::StoreReader>> make_reader() override {
    return sqlite::make_reader(options_.path, [this] { settle(); });
  }

 private:
  struct Sweep {
    ports::StoreRetention keep;
    UnixMillis now;
    OnSwept swept;
  };

  /// Of the store's thread.
  struct Work {
    std::optional<ports::Batch> batch;
    std::optional<Sweep> sweep;
    bool catches_up = false;
  };

  Status connect() {
    STINT_TRY(database_, Database::open(options_.path, Database::Access::read_write));
    STINT_TRY_VOID(database_.run(kPragmas));
    log_.watch(database_, options_.path + "-wal");
    return {};
  }

  /// Before the migration: what stands in the file was meant for the tables as they are now.
  Status open_ahead() {
    auto opened = ahead_file_.open(options_.path);
    if (!opened && opened.error().code == Errc::conflict) return opened;
    return carry_over_ahead(database_, options_.path);
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
    if (!is_free(batch)) return false;
    busy_ = true;
    return true;
  }

  /// Of whoever may have the connection.
  [[nodiscard]] bool can_be_ahead(const ports::Batch& batch) const {
    return !ahead_ && !full_ && ahead_file_.is_open() && options_.post_later && may_go_ahead(batch);
  }

  /// With the lock.
  [[nodiscard]] bool is_free(const ports::Batch& batch) const {
    return !busy_ && queue_.empty() && rule_.allows(batch.rows.size(), Clock::now());
  }

  /// The thread may have been woken for a sweep meanwhile, and have found the connection taken.
  void give_back_connection() {
    bool has_work = log_.is_due();
    {
      const std::lock_guard lock(mutex_);
      busy_ = false;
      is_ahead_ = ahead_.has_value();
      tend_log_ = has_work;
      has_work = has_work || sweep_ || !queue_.empty();
    }
    if (has_work) wake_.notify_one();
  }

  /// Of the store's thread: gives the connection back, and takes it again for what there is to do next: a batch before a sweep, and the
  /// log after either. Nothing: stopping, and all that was given is written.
  std::optional<Work> take_work() {
    std::unique_lock lock(mutex_);
    busy_ = false;
    is_ahead_ = ahead_.has_value();
    idle_.notify_all();
    wake_.wait(lock, [this] { return !busy_ && (stopping_ || !queue_.empty() || sweep_ || tend_log_ || catch_up_); });
    Work work;
    if (!queue_.empty()) {
      work.batch = std::move(queue_.front());
      queue_.pop_front();
    } else if (!stopping_) {
      work.sweep = std::exchange(sweep_, std::nullopt);
    }
    work.catches_up = std::exchange(catch_up_, false) && !work.batch;  // a batch takes along what is ahead
    busy_ = work.batch || work.sweep || work.catches_up || tend_log_;
    tend_log_ = false;
    return busy_ ? std::optional(std::move(work)) : std::nullopt;
  }

  void work() {
    while (auto work = take_work()) {
      if (work->batch) carry_out(*work->batch);
      if (work->catches_up && ahead_ && !full_) static_cast<void>(catch_up());
      if (work->sweep) carry_out(*work->sweep);
      log_.tend();
    }
  }

  void carry_out(Sweep& sweep) {
    const auto swept = full_ ? Result<ports::Swept>(fail(Errc::no_space, options_.path + ": the disk was full"))
                             : sweeper_.sweep(database_, token_, sweep.keep, sweep.now);
    options_.post([tell = std::move(sweep.swept), swept] { tell(swept); });
  }

  /// Of the loop, with the connection. True: the batch is durable in the file beside the database, and has become `ahead_`.
  bool write_ahead(ports::Batch& batch) {
    if (!can_be_ahead(batch)) return false;
    const auto began = Clock::now();
    recording_.clear();
    database_.record_to(&recording_);
    const auto recorded = write_rows(batch);
    database_.record_to(nullptr);
    if (!recorded || recording_.bytes().size() > AheadFile::kBytesMax) return false;
    if (!ahead_file_.write(token_, batch.number, recording_.bytes())) {
      ahead_file_.give_up();
      return false;
    }
    ahead_ = std::move(batch);
    note_commit(began);
    options_.post([this, number = ahead_->number] {
      committed_(number, Status{});
      options_.post([this] { options_.post_later(kCatchUp, [this] { wake_to_catch_up(); }); });  // what is told leaves before
    });
    return true;
  }

  /// In the order in which the tables are read.
  Status read_ahead(const std::function<Status(const core::Row&)>& row) const {
    for (std::size_t table = 0; table < std::variant_size_v<core::Row>; ++table)
      for (const core::Row& each : ahead_->rows)
        if (each.index() == table && !std::holds_alternative<core::EventRow>(each)) STINT_TRY_VOID(row(each));
    return {};
  }

  void wake_to_catch_up() {
    {
      const std::lock_guard lock(mutex_);
      catch_up_ = is_ahead_;
      if (!catch_up_) return;
    }
    wake_.notify_one();
  }

  /// Of the loop: waits until the database has all that was told. False: it cannot take it now, its disk is full.
  bool settle() {
    {
      std::unique_lock lock(mutex_);
      if (is_ahead_) idle_.wait(lock, [this] { return !busy_; });
      if (!is_ahead_) return true;
      busy_ = true;
    }
    if (!full_) static_cast<void>(catch_up());
    const bool has_all = !ahead_;
    give_back_connection();
    return has_all;
  }

  /// The database gets what is ahead of it. What fails here is tried again with the next batch, which tells.
  Status catch_up() { return bring_up_to(*ahead_); }

  void carry_out(const ports::Batch& batch) {
    const auto began = Clock::now();
    Status status = full_ ? Status(fail(Errc::no_space, options_.path + ": the disk was full")) : bring_up_to(batch);
    note_commit(began);
    options_.post([this, number = batch.number, status = std::move(status)] { committed_(number, status); });
  }

  /// Afterwards the database has this batch, and nothing is ahead of it; or it has refused both.
  Status bring_up_to(const ports::Batch& batch) {
    Status status = write_resolved(batch);
    if (status) ahead_.reset();
    if (!status && status.error().code == Errc::no_space) full_ = true;
    return status;
  }

  void note_commit(Clock::time_point began) {
    const auto ended = Clock::now();
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

  /// And before it, in the same transaction, what is ahead.
  Status write(const ports::Batch& batch) {
    STINT_TRY_VOID(begin_.run());
    STINT_TRY_VOID(fence_.bind(static_cast<std::int64_t>(batch.number.value)).bind(static_cast<std::int64_t>(token_.value)).run());
    if (database_.changes() != 1) {
      STINT_TRY_VOID(database_.run("ROLLBACK"));
      return fail(Errc::fenced, "another scheduler has taken over this database");
    }
    if (ahead_ && ahead_->number != batch.number) STINT_TRY_VOID(write_rows(*ahead_));
    STINT_TRY_VOID(write_rows(batch));
    if (const auto bytes = writer_.take_log_bytes(); bytes > 0)
      STINT_TRY_VOID(database_.run("UPDATE fence SET log_bytes = log_bytes + " + std::to_string(bytes)));
    return commit_.run();
  }

  Status write_rows(const ports::Batch& batch) {
    writer_.begin_batch();
    for (const auto& row : batch.rows) STINT_TRY_VOID(writer_.write(row));
    return writer_.finish_batch();
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
  AheadFile ahead_file_;
  Recording recording_;
  std::optional<ports::Batch> ahead_;  ///< told, durable in the file, not in the database
  bool full_ = false;  // also of reopen(), while nobody is busy

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, idle_;
  std::deque<ports::Batch> queue_;
  std::optional<Sweep> sweep_;
  InlineRule rule_;
  bool busy_ = true;  // somebody uses the connection
  bool tend_log_ = false;  // the loop has left that to the thread
  bool catch_up_ = false;  // and that
  bool is_ahead_ = false;  // what `ahead_` says while nobody is busy
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Store> make_store(StoreOptions options) { return std::make_unique<SqliteStore>(std::move(options)); }

}  // namespace stint::sqlite
