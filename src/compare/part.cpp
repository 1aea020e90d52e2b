// One snapshot's comparison; see part.hpp.
#include <fmt/format.h>

#include "core/sketch.hpp"

#include "compare/part.hpp"
#include "compare/scan_progress.hpp"
#include "compare/sketch_state.hpp"
#include "compare/statements.hpp"
#include "job/clock.hpp"
#include "link/mapping.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"

namespace pg_cutover::compare {

namespace {

// Settings for scans of whole tables; names and values only.
class ScanSettings {
 public:
  ScanSettings() {
    // One row comes out of millions: nothing is gained by starting early or by compiling.
    settings_.Set("jit", "off");
    settings_.Set("parallel_setup_cost", "0");
    settings_.Set("parallel_tuple_cost", "0");
  }

 private:
  pg::GucScope settings_;
};

// Whether each row is read from its table and from nothing else.
bool ReadsTablesAlone(const Sides& sides) {
  return IsTable(sides.source) && IsTable(sides.target) &&
         (!sides.link || !link::HasSubquery(*sides.link));
}

// An index may lack a row's entry, and hold all columns that are compared. What a view or a
// subquery looks up for each row goes on using its indexes, or takes for ever.
class WithoutIndexes {
 public:
  explicit WithoutIndexes(const Sides& sides) {
    settings_.Set("enable_seqscan", "on");
    settings_.Set("enable_indexonlyscan", "off");
    if (ReadsTablesAlone(sides)) settings_.SetIndexScans("off");
  }

 private:
  pg::GucScope settings_;
};

// The state of a side's sketch, in the current memory context; an empty one for a side without
// rows.
const std::byte* ReadSketch(pg::Spi& spi, const Sides& sides, Side side, uint64_t seed,
                            const std::string& restriction) {
  const pg::Rows rows = spi.Query(SketchStatement(sides, side, seed, restriction));
  bool null = false;
  const Datum value = rows.Value(0, 1, &null);
  if (!null) return StateOf(SketchFrom(value, "the sketch of a side"));
  auto* const empty =
      static_cast<std::byte*>(pg::Section([] { return palloc0(core::SketchSize()); }));
  core::InitSketch(empty, seed, sides.keys);
  return empty;
}

void ReadDifferences(pg::Spi& spi, const std::string& statement, catalog::ComparedPart* part) {
  const pg::Rows rows = spi.Query(statement);
  for (uint64_t i = 0; i < rows.size(); ++i) {
    catalog::DifferenceRow row;
    row.kind = rows.Text(i, 1).value();
    row.key = rows.Text(i, 2);
    row.columns = rows.TextArray(i, 3);
    row.source_row = rows.Text(i, 4);
    row.target_row = rows.Text(i, 5);
    row.times = rows.Int8(i, 6).value();
    part->listed.push_back(std::move(row));
  }
  if (rows.empty()) return;
  part->counts = {rows.Int8(0, 7).value(), rows.Int8(0, 8).value(), rows.Int8(0, 9).value(),
                  rows.Int8(0, 10).value()};
}

std::string Both(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a + b;
  return fmt::format("({}) AND ({})", a, b);
}

// Whether both sides have the same keys. By their sketches: rows that were deleted on both sides,
// others on each, leave the numbers of rows equal, and may leave any sum of the keys equal.
bool SameKeys(pg::Spi& spi, const Sides& sides, uint64_t seed, const Conditions& range,
              catalog::ComparedPart* part) {
  Sides keys = sides;
  keys.columns.resize(sides.key_columns);
  const std::byte* const source = ReadSketch(spi, keys, Side::kSource, seed, range.source);
  const std::byte* const target = ReadSketch(spi, keys, Side::kTarget, seed, range.target);
  part->rows_source = static_cast<int64_t>(core::TotalsOf(source).rows);
  part->rows_target = static_cast<int64_t>(core::TotalsOf(target).rows);
  return core::Subtract(source, target).equal;
}

// Which rows to read again where the sketches differ. Beyond what a sketch can name that is all of
// them: so many keys differ then that no class of keys is without one.
std::string Suspects(const Sides& sides, Side side, uint64_t seed,
                     const core::SketchDifference& difference) {
  if (sides.key_columns == 0 || !difference.complete) return {};
  return KeysRestriction(sides, side, seed, difference.keys);
}

bool AddUp(const catalog::ComparedPart& part) {
  return part.rows_source - part.rows_target == part.counts.missing - part.counts.extra;
}

// Reads the rows that differ. `some_differ`: it is known that there are any.
void FindDifferences(pg::Spi& spi, const Sides& sides, uint64_t seed, const Conditions& rows,
                     bool some_differ, catalog::ComparedPart* part) {
  ReadDifferences(spi, DifferenceStatement(sides, seed, rows, kMostListed), part);
  if (AddUp(*part) && (part->counts.Total() > 0 || !some_differ)) return;
  // A unique key with duplicates, an index that lacks a row, keys that are one in the target only.
  Sides doubted = sides;
  doubted.unique = false;
  const WithoutIndexes settings(sides);
  part->listed.clear();
  part->counts = {};
  ReadDifferences(spi, DifferenceStatement(doubted, seed, rows, kMostListed), part);
  if (part->counts.Total() == 0 && some_differ)
    part->doubt =
        "rows differed, and were equal when they were read again under the same snapshot: a view "
        "or a function in it does not give the same values every time";
}

catalog::ComparedPart CompareUnderOneSnapshot(const Sides& sides, uint64_t seed, const Range& range,
                                              ScanProgress* progress) {
  const ScanSettings settings;
  const int64_t start = job::NowMicros();
  catalog::ComparedPart part;
  {
    const pg::LatestSnapshot snapshot;
    pg::Spi spi;
    Conditions changed = range.changed;
    const bool some = !changed.source.empty();
    if (some && !SameKeys(spi, sides, seed, range.rows, &part)) changed = {};
    std::optional<WithoutIndexes> tables_alone;
    if (progress != nullptr) tables_alone.emplace(sides);
    const std::byte* const source =
        ReadSketch(spi, sides, Side::kSource, seed, Both(range.rows.source, changed.source));
    if (progress != nullptr)
      progress->SourceIsRead(static_cast<int64_t>(core::TotalsOf(source).rows));
    const std::byte* const target =
        ReadSketch(spi, sides, Side::kTarget, seed, Both(range.rows.target, changed.target));
    tables_alone.reset();
    if (!some) {
      part.rows_source = static_cast<int64_t>(core::TotalsOf(source).rows);
      part.rows_target = static_cast<int64_t>(core::TotalsOf(target).rows);
    }
    const core::SketchDifference difference = core::Subtract(source, target);
    if (!difference.equal) {
      const Conditions suspects = {
          Both(range.rows.source, Suspects(sides, Side::kSource, seed, difference)),
          Both(range.rows.target, Suspects(sides, Side::kTarget, seed, difference))};
      // A row that changed on one side alone need not differ; all rows of both sides must.
      FindDifferences(spi, sides, seed, suspects, changed.source.empty(), &part);
    }
  }
  part.snapshot_ms = static_cast<double>(job::NowMicros() - start) / 1000;
  return part;
}

}  // namespace

uint64_t RandomSeed() {
  uint64_t seed = 0;
  if (!pg_strong_random(&seed, sizeof(seed)))
    pg::Raise(ERRCODE_INTERNAL_ERROR, "could not generate a random seed");
  return seed;
}

void PlanScans(const Sides& sides, uint64_t seed) {
  pg::Spi spi;
  for (const Side side : {Side::kSource, Side::kTarget})
    (void)spi.Execute("EXPLAIN " + SketchStatement(sides, side, seed, {}));
}

// What a view or a subquery reads is locked before the snapshot, or somebody may have emptied it
// when its turn comes.
catalog::ComparedPart ComparePart(const Sides& sides, uint64_t seed, const Range& range) {
  if (sides.link && (link::HasSubquery(*sides.link) || sides.several_sources))
    PlanScans(sides, seed);
  return CompareUnderOneSnapshot(sides, seed, range, nullptr);
}

catalog::ComparedPart CompareAll(const Sides& sides, uint64_t seed, int64_t rows_expected) {
  PlanScans(sides, seed);
  ScanProgress progress(rows_expected);
  return CompareUnderOneSnapshot(sides, seed, {}, &progress);
}

}  // namespace pg_cutover::compare
