// The bytes of an image on their way into its hash.
//
// Small images are collected and hashed in one go, which is several times as fast as a stream; what
// does not fit goes through a stream, so that an image of any size costs this much memory. A piece
// larger than the buffer is hashed where it lies. Both ways give the same hash.
//
// Plain data in a memory context: errors of PostgreSQL may jump over it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/sketch.hpp"

namespace pg_cutover::compare {

class ImageWriter {
 public:
  // What the memory of a writer must be aligned to.
  static constexpr size_t kAlignment = 64;

  // For use in zeroed memory that nothing was constructed in.
  void Start(uint64_t seed) {
    if (seed != seed_ || position_ == nullptr) Reseed(seed);
    position_ = buffer_;
    streaming_ = false;
  }

  void Append(const void* bytes, size_t count) {
    if (count > static_cast<size_t>(end() - position_)) {
      Spill(bytes, count);
      return;
    }
    std::memcpy(position_, bytes, count);
    position_ += count;
  }
  template <class T>
  void AppendNumber(T number) {
    Append(&number, sizeof number);
  }

  // Where the next byte goes, with room for at least `kRoom`; what was written there is handed in
  // with Advance. For loops over many small values, which keep the place in a register.
  static constexpr size_t kRoom = 64;
  std::byte* Place() {
    if (end() - position_ < static_cast<std::ptrdiff_t>(kRoom)) Flush();
    return position_;
  }
  void Advance(std::byte* place) { position_ = place; }
  const std::byte* end() const { return buffer_ + kBufferBytes; }

  core::RowHash Finish();

 private:
  static constexpr size_t kBufferBytes = 8192;
  static constexpr size_t kSecretBytes = 192;
  static constexpr size_t kStreamBytes = 576;

  void Reseed(uint64_t seed);
  void Spill(const void* bytes, size_t count);
  void Flush();

  alignas(kAlignment) std::byte stream_[kStreamBytes];
  // What XXH3 derives from a seed for inputs of more than 240 bytes; deriving it anew for each row
  // costs as much as hashing the row.
  std::byte secret_[kSecretBytes];
  uint64_t seed_;
  std::byte* position_;
  bool streaming_;
  std::byte buffer_[kBufferBytes];
};

}  // namespace pg_cutover::compare
