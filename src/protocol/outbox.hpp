#pragma once

#include <cstddef>
#include <deque>

#include "protocol/codec.hpp"
#include "wire/frame.hpp"
#include "wire/frame_writer.hpp"

namespace stint::protocol {

/// Buffers that wait for the kernel to have room. They get timestamp, sequence and tag only when they leave, so that a frame's time is the
/// time of its hand-over however long it waited, and a queue that is thrown away leaves no gap in the sequence.
class Outbox {
 public:
  struct Item {
    wire::FrameKind kind = wire::FrameKind::data;
    wire::Compression compression = wire::Compression::never;
    Unsealed buffer;
  };

  void push(Item item) {
    bytes_ += item.buffer.space.size();
    items_.push_back(std::move(item));
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Of the first frame; compression can only make it smaller.
  [[nodiscard]] std::size_t front_size() const { return items_.front().buffer.space.size(); }
  [[nodiscard]] Item take_front() {
    Item item = std::move(items_.front());
    items_.pop_front();
    bytes_ -= item.buffer.space.size();
    return item;
  }
  void clear() {
    items_.clear();
    bytes_ = 0;
  }

 private:
  std::deque<Item> items_;
  std::size_t bytes_ = 0;
};

}  // namespace stint::protocol
