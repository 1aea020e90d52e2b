// XXH3 over the bytes of an image; see image_writer.hpp. The hash is compiled in, so that the
// module needs no further library.
#define XXH_INLINE_ALL 1
#include "compare/image_writer.hpp"

#include <new>

#include <xxhash.h>

namespace pg_cutover::compare {

namespace {

core::RowHash FromXxh(const XXH128_hash_t& hash) {
  return {hash.low64, hash.high64};
}

}  // namespace

void ImageWriter::Reseed(uint64_t seed) {
  static_assert(kSecretBytes == XXH3_SECRET_DEFAULT_SIZE);
  static_assert(kStreamBytes >= sizeof(XXH3_state_t) && kAlignment >= alignof(XXH3_state_t));
  seed_ = seed;
  XXH3_generateSecret_fromSeed(secret_, seed);
}

void ImageWriter::Flush() {
  auto* const stream = reinterpret_cast<XXH3_state_t*>(stream_);
  if (!streaming_) {
    XXH3_INITSTATE(stream);
    XXH3_128bits_reset_withSecretandSeed(stream, secret_, kSecretBytes, seed_);
    streaming_ = true;
  }
  XXH3_128bits_update(stream, buffer_, static_cast<size_t>(position_ - buffer_));
  position_ = buffer_;
}

void ImageWriter::Spill(const void* bytes, size_t count) {
  Flush();
  if (count > kBufferBytes) {
    XXH3_128bits_update(reinterpret_cast<XXH3_state_t*>(stream_), bytes, count);
    return;
  }
  std::memcpy(position_, bytes, count);
  position_ += count;
}

core::RowHash ImageWriter::Finish() {
  if (streaming_) {
    Flush();
    return FromXxh(XXH3_128bits_digest(reinterpret_cast<const XXH3_state_t*>(stream_)));
  }
  return FromXxh(XXH3_128bits_withSecretandSeed(buffer_, static_cast<size_t>(position_ - buffer_),
                                                secret_, kSecretBytes, seed_));
}

}  // namespace pg_cutover::compare
