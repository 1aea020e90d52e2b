// Which object is the same in both tables; see object_pairs.hpp.
#include <algorithm>
#include <set>
#include <utility>

#include "swap/object_pairs.hpp"

#include "pg/spi.hpp"

namespace pg_cutover::swap {

namespace {

struct Object {
  Oid id = InvalidOid;
  bool of_live = false;
  std::string schema;
  std::string name;
  // Equal for the same definition. The live table's columns go by their names in the mirror; one
  // that the mirror lacks makes a signature that nothing else has.
  std::string signature;
};

// A default operator class and the column's own collation stay what they are when the type changes.
constexpr const char* kIndexes =
    "SELECT c.oid, i.indrelid = $1, n.nspname::text, c.relname::text, "
    "  concat_ws('|', c.relam, i.indisunique, i.indisprimary, i.indisexclusion, "
    "    i.indnullsnotdistinct, i.indimmediate, i.indnkeyatts, "
    "    (SELECT string_agg(concat_ws(' ', "
    "       CASE WHEN u.n = 0 THEN '()' WHEN i.indrelid = $1 "
    "            THEN coalesce(quote_ident(m.mirror), 'only ' || i.indrelid) "
    "            ELSE quote_ident(a.attname) END, "
    "       i.indoption[u.o - 1], CASE WHEN o.opcdefault THEN 'default' ELSE o.oid::text END, "
    "       CASE WHEN i.indcollation[u.o - 1] = a.attcollation THEN 'own' "
    "            ELSE i.indcollation[u.o - 1]::text END), ', ' ORDER BY u.o) "
    "     FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u (n, o) "
    "     LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n "
    "     LEFT JOIN unnest($3::text[], $4::text[]) AS m (live, mirror) ON m.live = a.attname "
    "     LEFT JOIN pg_opclass o ON o.oid = i.indclass[u.o - 1]), "
    "    'expressions ' || pg_get_expr(i.indexprs, i.indrelid), "
    "    'predicate ' || pg_get_expr(i.indpred, i.indrelid)) "
    "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE i.indrelid IN ($1, $2) AND i.indisvalid AND i.indislive ORDER BY c.oid";

constexpr const char* kStatistics =
    "SELECT s.oid, s.stxrelid = $1, n.nspname::text, s.stxname::text, "
    "  concat_ws('|', n.oid, (SELECT string_agg(k::text, '' ORDER BY k) "
    "      FROM unnest(s.stxkind) AS k), "
    "    (SELECT string_agg(CASE WHEN s.stxrelid = $1 "
    "         THEN coalesce(quote_ident(m.mirror), 'only ' || s.stxrelid) "
    "         ELSE quote_ident(a.attname) END, ', ' "
    "         ORDER BY CASE WHEN s.stxrelid = $1 THEN m.mirror ELSE a.attname END) "
    "     FROM unnest(s.stxkeys::int2[]) AS u (n) "
    "     JOIN pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = u.n "
    "     LEFT JOIN unnest($3::text[], $4::text[]) AS m (live, mirror) ON m.live = a.attname), "
    "    'expressions ' || pg_get_expr(s.stxexprs, s.stxrelid)) "
    "FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace "
    "WHERE s.stxrelid IN ($1, $2) ORDER BY s.oid";

constexpr const char* kSequences =
    "SELECT u.relation = $1, a.attname::text, s.oid, n.nspname::text, s.relname::text, "
    "  bool_or(u.how = 'i'), bool_or(u.how IN ('a', 'i')), bool_or(u.how IN ('n', 'i')) "
    "FROM (SELECT d.refobjid, d.refobjsubid, d.objid, d.deptype::text FROM pg_depend d "
    "      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass "
    "        AND d.refobjid IN ($1, $2) AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') "
    "      UNION ALL "
    "      SELECT f.adrelid, f.adnum, d.refobjid, 'n' FROM pg_attrdef f "
    "      JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid "
    "        AND d.refclassid = 'pg_class'::regclass "
    "      WHERE f.adrelid IN ($1, $2)) AS u (relation, number, sequence, how) "
    "JOIN pg_class s ON s.oid = u.sequence AND s.relkind = 'S' "
    "JOIN pg_namespace n ON n.oid = s.relnamespace "
    "JOIN pg_attribute a ON a.attrelid = u.relation AND a.attnum = u.number "
    "GROUP BY 1, a.attnum, a.attname, s.oid, n.nspname, s.relname ORDER BY 1, a.attnum, s.oid";

std::vector<Object> Objects(const Pair& pair, const char* query) {
  pg::Spi spi;
  const pg::Rows rows =
      spi.Execute(query, {pg::Argument::ObjectId(pair.live), pg::Argument::ObjectId(pair.mirror),
                          pg::Argument::TextArray(LiveNames(pair)),
                          pg::Argument::TextArray(MirrorNames(pair))});
  std::vector<Object> objects;
  for (uint64_t row = 0; row < rows.size(); ++row)
    objects.push_back({rows.ObjectId(row, 1).value(), rows.Bool(row, 2).value(),
                       rows.Text(row, 3).value(), rows.Text(row, 4).value(),
                       rows.Text(row, 5).value_or("")});
  return objects;
}

class Matcher {
 public:
  explicit Matcher(std::vector<Object> objects) : objects_(std::move(objects)) {}

  void ByOid(const std::vector<catalog::RenamedPair>& reverted) {
    for (const catalog::RenamedPair& renamed : reverted)
      Match([&](const Object& object) { return object.id == renamed.live; },
            [&](const Object& object) { return object.id == renamed.mirror; });
  }

  void ByDeferred(int64_t link) {
    for (const catalog::DeferredObject& deferred : catalog::DeferredObjects(link, false)) {
      if (!deferred.after_name) continue;
      const std::string& name = deferred.index_name ? *deferred.index_name : deferred.name;
      Match([&](const Object& object) { return object.name == *deferred.after_name; },
            [&](const Object& object) { return object.name == name; });
    }
  }

  void ByDefinition() {
    for (const Object& live : objects_)
      if (live.of_live)
        Match([&](const Object& object) { return object.id == live.id; },
              [&](const Object& object) { return object.signature == live.signature; });
  }

  std::vector<ObjectPair> Take() { return std::move(pairs_); }

 private:
  template <class IsLive, class IsMirror>
  void Match(IsLive&& is_live, IsMirror&& is_mirror) {
    const Object* const live =
        Find([&](const Object& object) { return object.of_live && is_live(object); });
    const Object* const mirror =
        Find([&](const Object& object) { return !object.of_live && is_mirror(object); });
    if (live == nullptr || mirror == nullptr) return;
    taken_.insert(live->id);
    taken_.insert(mirror->id);
    pairs_.push_back({live->id, mirror->id, live->schema, live->name, mirror->name});
  }

  template <class Condition>
  const Object* Find(Condition&& condition) const {
    const auto found = std::find_if(objects_.begin(), objects_.end(), [&](const Object& object) {
      return !taken_.contains(object.id) && condition(object);
    });
    return found == objects_.end() ? nullptr : &*found;
  }

  const std::vector<Object> objects_;
  std::set<Oid> taken_;
  std::vector<ObjectPair> pairs_;
};

}  // namespace

Pair Aligned(Pair pair) {
  for (ColumnPair& column : pair.columns)
    column.live = column.mirror;
  return pair;
}

std::vector<std::string> LiveNames(const Pair& pair) {
  std::vector<std::string> names;
  for (const ColumnPair& column : pair.columns)
    names.push_back(column.live);
  return names;
}

std::vector<std::string> MirrorNames(const Pair& pair) {
  std::vector<std::string> names;
  for (const ColumnPair& column : pair.columns)
    names.push_back(column.mirror);
  return names;
}

std::vector<catalog::RenamedPair> StandingRenames(const Pair& pair) {
  const std::optional<catalog::SwapRow> swap = catalog::FindSwapByLive(pair.live);
  if (!swap || swap->mirror != pair.mirror) return {};
  return swap->renames;
}

bool TakesBack(const Pair& pair) {
  const std::optional<catalog::SwapRow> swap = catalog::FindSwapByLive(pair.live);
  return swap && swap->mirror == pair.mirror;
}

std::vector<ObjectPair> PairIndexes(const Pair& pair,
                                    const std::vector<catalog::RenamedPair>& reverted) {
  Matcher matcher(Objects(pair, kIndexes));
  matcher.ByOid(reverted);
  matcher.ByDeferred(pair.link.id);
  matcher.ByDefinition();
  return matcher.Take();
}

std::vector<ObjectPair> PairStatistics(const Pair& pair,
                                       const std::vector<catalog::RenamedPair>& reverted) {
  Matcher matcher(Objects(pair, kStatistics));
  matcher.ByOid(reverted);
  matcher.ByDefinition();
  return matcher.Take();
}

std::vector<ColumnSequence> ColumnSequences(const Pair& pair) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      kSequences, {pg::Argument::ObjectId(pair.live), pg::Argument::ObjectId(pair.mirror)});
  std::vector<ColumnSequence> sequences;
  for (uint64_t row = 0; row < rows.size(); ++row)
    sequences.push_back({rows.Bool(row, 1).value(), rows.Text(row, 2).value(),
                         rows.ObjectId(row, 3).value(), rows.Text(row, 4).value(),
                         rows.Text(row, 5).value(), rows.Bool(row, 6).value(),
                         rows.Bool(row, 7).value(), rows.Bool(row, 8).value()});
  return sequences;
}

const ColumnSequence* SequenceOf(const std::vector<ColumnSequence>& sequences, bool of_live,
                                 const std::string& column) {
  const ColumnSequence* owned = nullptr;
  for (const ColumnSequence& sequence : sequences) {
    if (sequence.of_live != of_live || sequence.column != column) continue;
    if (sequence.in_default) return &sequence;
    if (owned == nullptr) owned = &sequence;
  }
  return owned;
}

std::vector<SequencePair> PairSequences(const Pair& pair) {
  const std::vector<ColumnSequence> sequences = ColumnSequences(pair);
  std::vector<SequencePair> pairs;
  for (const ColumnPair& column : pair.columns) {
    const ColumnSequence* const live = SequenceOf(sequences, true, column.live);
    const ColumnSequence* const mirror = SequenceOf(sequences, false, column.mirror);
    if (live == nullptr || mirror == nullptr || live->sequence == mirror->sequence) continue;
    pairs.push_back({*live, *mirror});
  }
  return pairs;
}

}  // namespace pg_cutover::swap
