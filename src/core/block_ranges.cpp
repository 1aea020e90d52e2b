// Sets of heap blocks as a sorted vector: copy cursors have few ranges, so linear insertion is
// cheap.
#define PG_CUTOVER_CORE 1
#include "core/block_ranges.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

#include "core/invalid_input.hpp"

namespace pg_cutover::core {
namespace {

// Reads the tokens of a multirange, skipping spaces between them.
class MultirangeReader {
 public:
  explicit MultirangeReader(std::string_view text) : text_(text) {}

  bool Accept(char wanted) {
    SkipSpaces();
    if (position_ == text_.size() || text_[position_] != wanted) return false;
    ++position_;
    return true;
  }

  void Expect(char wanted) {
    if (!Accept(wanted)) Fail(fmt::format("expected \"{}\"", wanted));
  }

  int64_t Block() {
    SkipSpaces();
    const char* const first = text_.data() + position_;
    int64_t block = 0;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), block);
    if (error != std::errc{} || block < 0) Fail("expected a block number");
    position_ += static_cast<std::size_t>(end - first);
    return block;
  }

  void ExpectEnd() {
    SkipSpaces();
    if (position_ != text_.size()) Fail("unexpected text after the multirange");
  }

  [[noreturn]] void Fail(const std::string& what) const {
    throw InvalidInput(
        fmt::format("invalid set of block ranges: {} at character {}", what, position_ + 1),
        "Write an int8multirange of finite ranges such as {[0,10),[20,30)}.");
  }

 private:
  void SkipSpaces() {
    while (position_ < text_.size() && text_[position_] == ' ')
      ++position_;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace

void BlockRanges::Add(BlockRange range) {
  assert(0 <= range.begin && range.begin <= range.end);
  if (range.Empty()) return;
  const auto first =
      std::partition_point(ranges_.begin(), ranges_.end(),
                           [&](const BlockRange& other) { return other.end < range.begin; });
  auto last = first;
  for (; last != ranges_.end() && last->begin <= range.end; ++last) {
    range.begin = std::min(range.begin, last->begin);
    range.end = std::max(range.end, last->end);
  }
  if (first == last) {
    ranges_.insert(first, range);
    return;
  }
  *first = range;
  ranges_.erase(first + 1, last);
}

void BlockRanges::Add(const BlockRanges& other) {
  if (&other == this) return;
  for (const BlockRange& range : other.ranges_)
    Add(range);
}

bool BlockRanges::Contains(int64_t block) const {
  const auto range = std::partition_point(
      ranges_.begin(), ranges_.end(), [&](const BlockRange& other) { return other.end <= block; });
  return range != ranges_.end() && range->begin <= block;
}

int64_t BlockRanges::Total() const {
  int64_t total = 0;
  for (const BlockRange& range : ranges_)
    total += range.Size();
  return total;
}

BlockRanges BlockRanges::Complement(int64_t total_blocks) const {
  BlockRanges result;
  int64_t begin = 0;
  for (const BlockRange& range : ranges_) {
    if (range.begin >= total_blocks) break;
    if (begin < range.begin) result.ranges_.push_back({begin, range.begin});
    begin = range.end;
  }
  if (begin < total_blocks) result.ranges_.push_back({begin, total_blocks});
  return result;
}

std::string BlockRanges::ToMultirange() const {
  std::string text = "{";
  for (const BlockRange& range : ranges_) {
    if (text.size() > 1) text += ',';
    text += fmt::format("[{},{})", range.begin, range.end);
  }
  text += '}';
  return text;
}

BlockRanges BlockRanges::FromMultirange(std::string_view text) {
  MultirangeReader reader(text);
  BlockRanges result;
  reader.Expect('{');
  if (!reader.Accept('}')) {
    do {
      BlockRange range;
      reader.Expect('[');
      range.begin = reader.Block();
      reader.Expect(',');
      range.end = reader.Block();
      reader.Expect(')');
      if (range.end < range.begin) reader.Fail("a range that ends before it begins");
      result.Add(range);
    } while (reader.Accept(','));
    reader.Expect('}');
  }
  reader.ExpectEnd();
  return result;
}

}  // namespace pg_cutover::core
