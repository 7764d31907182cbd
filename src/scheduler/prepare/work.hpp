#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "ports/blob_store.hpp"

namespace stint::scheduler {

/// Work of many steps on the loop, some of which wait for the blob store. The owner calls `step` now and then; it may drop the work at any
/// moment: an answer that comes later touches nothing but the work itself.
class Work : public std::enable_shared_from_this<Work> {
 public:
  virtual ~Work() = default;
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  /// One bounded step: not while it waits, not when it is done.
  virtual void step() = 0;
  [[nodiscard]] bool is_waiting() const { return is_waiting_; }
  [[nodiscard]] bool is_done() const { return is_done_; }
  [[nodiscard]] const Status& outcome() const { return outcome_; }

 protected:
  void finish(Status outcome) {
    outcome_ = std::move(outcome);
    is_done_ = true;
  }
  /// For a call of the blob store: `then` gets its value; an error ends the work.
  template <class T, class Then>
  typename ports::BlobStore::Done<T> await(Then then) {
    return await_any<T>([this, then = std::move(then)](Result<T> result) {
      if (!result) return finish(tl::unexpected<Error>(std::move(result.error())));
      then(*std::move(result));
    });
  }
  /// The same for who knows what to do with an error.
  template <class T, class Then>
  typename ports::BlobStore::Done<T> await_any(Then then) {
    is_waiting_ = true;
    return [self = shared_from_this(), then = std::move(then)](Result<T> result) {
      self->is_waiting_ = false;
      then(std::move(result));
    };
  }

 private:
  bool is_waiting_ = false;
  bool is_done_ = false;
  Status outcome_;
};

/// Reads a whole blob of at most `limit` bytes, piece by piece.
class BlobReading {
 public:
  /// The reading is over when a piece is not full. Errors: out_of_range.
  [[nodiscard]] Result<bool> take(std::string piece, std::size_t limit) {
    const bool is_last = piece.size() < ports::limits::kBlobPieceMax;
    if (text_.size() + piece.size() > limit)
      return fail(Errc::out_of_range, "a list of items of more than " + std::to_string(limit) + " bytes, the limit");
    text_ += piece;
    return !is_last;
  }
  [[nodiscard]] std::size_t offset() const { return text_.size(); }
  [[nodiscard]] std::string take_text() { return std::exchange(text_, {}); }

 private:
  std::string text_;
};

}  // namespace stint::scheduler
