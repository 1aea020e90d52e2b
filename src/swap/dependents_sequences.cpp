// AddSequences; see dependents.hpp.
//
// The sequence that the mirror's column uses is set at the moment of the swap, from what both
// sequences have given out by then: it has to be among the locked relations, as nextval takes no
// lock on the table. A sequence on disk is ahead of what its sessions have cached, so cached
// numbers are covered; one more batch of them is skipped all the same. Sequences that count in
// opposite directions are left alone, and one that goes round continues where the live table's
// stands.
#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "swap/dependents.hpp"

#include "link/expression.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/object_pairs.hpp"
#include "swap/properties.hpp"

namespace pg_cutover::swap {

namespace {

std::string Qualified(const ColumnSequence& sequence) {
  return fmt::format("{}.{}", pg::QuoteIdentifier(sequence.schema),
                     pg::QuoteIdentifier(sequence.name));
}

struct Parameters {
  int64_t increment = 1;
  int64_t cache = 1;
  bool cycle = false;
};

Parameters ParametersOf(Oid sequence) {
  pg::Spi spi;
  const pg::Rows rows =
      spi.Execute("SELECT seqincrement, seqcache, seqcycle FROM pg_sequence WHERE seqrelid = $1",
                  {pg::Argument::ObjectId(sequence)});
  return {rows.Int8(0, 1).value(), rows.Int8(0, 2).value(), rows.Bool(0, 3).value()};
}

// What the sequence gives next, and the same a batch later. In numeric: the end of bigint is no end
// here.
std::string NextOf(const ColumnSequence& sequence, const Parameters& parameters) {
  return fmt::format(
      "SELECT last_value::numeric + CASE WHEN is_called THEN {0} ELSE 0 END AS plain, "
      "last_value::numeric + CASE WHEN is_called THEN {0}::numeric * ({1}::numeric + 1) ELSE 0 END "
      "AS safe FROM {2}",
      fmt::format("'{}'::numeric", parameters.increment), parameters.cache, Qualified(sequence));
}

std::optional<std::string> ContinueStatement(const SequencePair& pair) {
  const Parameters live = ParametersOf(pair.live.sequence);
  const Parameters mirror = ParametersOf(pair.mirror.sequence);
  const bool up = mirror.increment > 0;
  if ((live.increment > 0) != up) return std::nullopt;
  std::string reached = NextOf(pair.live, live);
  if (!mirror.cycle) reached += " UNION ALL " + NextOf(pair.mirror, mirror);
  // Behind the end is_called stays true: the next call fails, or goes round, as the live one would.
  const std::string sequence = pg::QuoteLiteral(Qualified(pair.mirror));
  const auto bound = [&](const char* column) {
    return fmt::format("(SELECT {}::numeric FROM pg_sequence WHERE seqrelid = {}::regclass)",
                       column, sequence);
  };
  return fmt::format(
      "SELECT setval({sequence}::regclass, "
      "CASE WHEN n.next {beyond} {end} THEN {end} ELSE {inside}(n.next, {begin}) END::bigint, "
      "n.next {beyond} {end}) "
      "FROM (SELECT CASE WHEN {furthest}(s.safe) {beyond} {end} THEN {furthest}(s.plain) "
      "ELSE {furthest}(s.safe) END AS next FROM ({reached}) AS s) AS n",
      fmt::arg("sequence", sequence), fmt::arg("beyond", up ? ">" : "<"),
      fmt::arg("end", bound(up ? "seqmax" : "seqmin")),
      fmt::arg("begin", bound(up ? "seqmin" : "seqmax")),
      fmt::arg("inside", up ? "greatest" : "least"), fmt::arg("furthest", up ? "max" : "min"),
      fmt::arg("reached", reached));
}

// LIKE makes identity sequences of type bigint that end where the column it copied ended, and a
// wider type given to the column afterwards does not move that end.
constexpr const char* kFit =
    "SELECT CASE WHEN q.seqtypid <> m.atttypid THEN ' AS ' || m.atttypid::regtype ELSE '' END "
    "  || CASE WHEN r.max IS NULL OR m.atttypid = l.atttypid THEN '' "
    "          WHEN q.seqincrement > 0 AND p.seqmax = r.max AND q.seqmax = r.max "
    "            THEN ' NO MAXVALUE' "
    "          WHEN q.seqincrement < 0 AND p.seqmin = -r.max - 1 AND q.seqmin = -r.max - 1 "
    "            THEN ' NO MINVALUE' ELSE '' END "
    "FROM pg_attribute l JOIN pg_attribute m ON m.attrelid = $2 AND m.attname = $4 "
    "JOIN pg_sequence p ON p.seqrelid = $5 JOIN pg_sequence q ON q.seqrelid = $6 "
    "LEFT JOIN (VALUES ('smallint'::regtype, 32767::bigint), ('integer'::regtype, 2147483647)) "
    "  AS r (type, max) ON r.type = l.atttypid "
    "WHERE l.attrelid = $1 AND l.attname = $3 AND m.attidentity <> '' "
    "  AND m.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)";

// What gives the mirror's identity sequence the type of its column, and the end of that type where
// the live table's had the end of its own; empty where it has them.
std::string Fit(const Pair& pair, const SequencePair& sequences) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      kFit, {pg::Argument::ObjectId(pair.live), pg::Argument::ObjectId(pair.mirror),
             pg::Argument::Text(sequences.live.column), pg::Argument::Text(sequences.mirror.column),
             pg::Argument::ObjectId(sequences.live.sequence),
             pg::Argument::ObjectId(sequences.mirror.sequence)});
  return rows.empty() ? "" : rows.Text(0, 1).value();
}

// " AS bigint" where the mirror's column holds more than the live one and than the sequence's type.
std::string Widening(const Pair& pair, Oid sequence, const std::string& mirror_column) {
  const auto column =
      std::find_if(pair.columns.begin(), pair.columns.end(),
                   [&](const ColumnPair& other) { return other.mirror == mirror_column; });
  if (column == pair.columns.end() || column->same_type) return "";
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      "SELECT CASE WHEN a.atttypid IN ('bigint'::regtype, 'numeric'::regtype) "
      "              AND s.seqtypid <> 'bigint'::regtype THEN ' AS bigint' "
      "            WHEN a.atttypid = 'integer'::regtype AND s.seqtypid = 'smallint'::regtype "
      "            THEN ' AS integer' ELSE '' END "
      "FROM pg_attribute a, pg_sequence s "
      "WHERE a.attrelid = $1 AND a.attname = $2 AND s.seqrelid = $3",
      {pg::Argument::ObjectId(pair.mirror), pg::Argument::Text(mirror_column),
       pg::Argument::ObjectId(sequence)});
  return rows.empty() ? "" : rows.Text(0, 1).value();
}

class Sequences {
 public:
  Sequences(const Pair& pair, Dependents* dependents)
      : pair_(pair), dependents_(dependents), sequences_(ColumnSequences(pair)) {}

  void Run() {
    for (const SequencePair& pair : PairSequences(pair_))
      Continue(pair);
    for (const ColumnPair& column : pair_.columns)
      TakeOver(column);
    for (const ColumnSequence& sequence : sequences_)
      if (!sequence.of_live && sequence.in_default && OwnedByLive(sequence.sequence))
        Own(sequence, sequence.column);
  }

 private:
  void Continue(const SequencePair& pair) {
    Lock(pair.live.sequence);
    Lock(pair.mirror.sequence);
    dependents_->carried.push_back(fmt::format("sequence {}", Qualified(pair.live)));
    if (const std::string fit = Fit(pair_, pair); !fit.empty())
      dependents_->after.push_back(fmt::format("ALTER SEQUENCE {}{}", Qualified(pair.mirror), fit));
    if (const std::optional<std::string> statement = ContinueStatement(pair))
      dependents_->after.push_back(*statement);
    if (pair.live.owned && pair.mirror.owned) CopySettings(pair);
  }

  void CopySettings(const SequencePair& pair) {
    const std::string object = fmt::format("SEQUENCE {}", Qualified(pair.mirror));
    for (std::string& grant :
         GrantStatements(pair.live.sequence, pair.mirror.sequence, 's', object))
      dependents_->after.push_back(std::move(grant));
    pg::Spi spi;
    const pg::Rows rows = spi.Execute(
        "SELECT obj_description($1, 'pg_class'), obj_description($2, 'pg_class')",
        {pg::Argument::ObjectId(pair.live.sequence), pg::Argument::ObjectId(pair.mirror.sequence)});
    if (rows.Text(0, 1) != rows.Text(0, 2))
      dependents_->after.push_back(CommentStatement(object, rows.Text(0, 1)));
  }

  // The mirror's column uses the live column's sequence, or the application calls it by name:
  // dropping the retired table must not drop it.
  void TakeOver(const ColumnPair& column) {
    const ColumnSequence* const live = SequenceOf(sequences_, true, column.live);
    if (live == nullptr || !live->owned || live->identity) return;
    const ColumnSequence* const mirror = SequenceOf(sequences_, false, column.mirror);
    if (mirror != nullptr && mirror->sequence != live->sequence) return;
    Own(*live, column.mirror);
  }

  bool OwnedByLive(Oid sequence) const {
    return std::any_of(sequences_.begin(), sequences_.end(), [&](const ColumnSequence& other) {
      return other.of_live && other.sequence == sequence && other.owned && !other.identity;
    });
  }

  void Own(const ColumnSequence& sequence, const std::string& mirror_column) {
    if (!owned_.insert(sequence.sequence).second) return;
    Lock(sequence.sequence);
    dependents_->carried.push_back(fmt::format("sequence {}", Qualified(sequence)));
    dependents_->after.push_back(fmt::format("ALTER SEQUENCE {}{} OWNED BY {}.{}",
                                             Qualified(sequence),
                                             Widening(pair_, sequence.sequence, mirror_column),
                                             pair_.Live(), pg::QuoteIdentifier(mirror_column)));
  }

  void Lock(Oid sequence) {
    std::vector<Oid>& lock = dependents_->lock;
    if (std::find(lock.begin(), lock.end(), sequence) == lock.end()) lock.push_back(sequence);
  }

  const Pair& pair_;
  Dependents* const dependents_;
  const std::vector<ColumnSequence> sequences_;
  std::set<Oid> owned_;
};

}  // namespace

void AddSequences(const Pair& pair, Dependents* dependents) {
  const link::CanonicalSettings settings;
  Sequences(pair, dependents).Run();
}

}  // namespace pg_cutover::swap
