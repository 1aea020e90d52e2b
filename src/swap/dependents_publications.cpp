// Logical replication: replica identity and publications; see properties.hpp.
//
// A table that is a member by itself leaves its publications with the swap: reverse sync keeps it
// in step, and subscribers must not get every write twice.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/object_pairs.hpp"
#include "swap/properties.hpp"

namespace pg_cutover::swap {

namespace {

constexpr const char* kReplicaIdentity =
    "SELECT l.relreplident::text, m.relreplident::text, "
    "  (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = l.oid AND i.indisreplident), "
    "  (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = m.oid AND i.indisreplident) "
    "FROM pg_class l, pg_class m WHERE l.oid = $1 AND m.oid = $2";

constexpr const char* kMemberships =
    "SELECT p.pubname::text, pg_has_role(p.pubowner, 'USAGE'), pg_get_userbyid(p.pubowner)::text, "
    "  (SELECT array_agg(a.attname::text ORDER BY u.o) "
    "     FROM unnest(r.prattrs::int2[]) WITH ORDINALITY AS u (n, o) "
    "     JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = u.n), "
    "  pg_get_expr(r.prqual, r.prrelid), "
    "  (SELECT array_agg(DISTINCT a.attname::text) FROM pg_depend d "
    "     JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = d.refobjsubid "
    "    WHERE d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid "
    "      AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.prrelid "
    "      AND d.refobjsubid > 0 AND a.attname <> ALL ($3::text[])) "
    "FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid "
    "WHERE r.prrelid = $1 AND NOT EXISTS (SELECT FROM pg_publication_rel o "
    "  WHERE o.prpubid = p.oid AND o.prrelid = $2) ORDER BY p.pubname";

constexpr const char* kByThemselves =
    "SELECT p.pubname::text, p.puballtables FROM pg_publication p "
    "WHERE p.puballtables OR EXISTS (SELECT FROM pg_publication_namespace n "
    "  JOIN pg_class c ON c.relnamespace = n.pnnspid WHERE n.pnpubid = p.oid AND c.oid = $1) "
    "ORDER BY p.pubname";

class Memberships {
 public:
  Memberships(const Pair& pair, Dependents* dependents) : pair_(pair), dependents_(dependents) {}

  void Run() {
    pg::Spi spi;
    const pg::Rows rows = spi.Execute(
        kMemberships, {pg::Argument::ObjectId(pair_.live), pg::Argument::ObjectId(pair_.mirror),
                       pg::Argument::TextArray(LiveNames(pair_))});
    for (uint64_t row = 0; row < rows.size(); ++row)
      Move(rows, row);
    const pg::Rows others = spi.Execute(kByThemselves, {pg::Argument::ObjectId(pair_.live)});
    for (uint64_t row = 0; row < others.size(); ++row)
      dependents_->carried.push_back(
          fmt::format("publication {} ({}: it applies to both tables by itself)",
                      pg::QuoteIdentifier(others.Text(row, 1).value()),
                      others.Bool(row, 2).value() ? "FOR ALL TABLES" : "FOR TABLES IN SCHEMA"));
  }

 private:
  void Move(const pg::Rows& rows, uint64_t row) {
    const std::string name = pg::QuoteIdentifier(rows.Text(row, 1).value());
    const std::string publication = fmt::format("publication {}", name);
    if (!rows.Bool(row, 2).value()) {
      dependents_->refusals.push_back(
          {publication,
           fmt::format("{} is a member, and it belongs to role \"{}\", of which you are not a "
                       "member",
                       pair_.Live(), rows.Text(row, 3).value()),
           fmt::format("Have its owner add {} to it, and take {} out after the swap; or call as a "
                       "member of that role.",
                       pair_.Mirror(), pair_.mirror_name)});
      return;
    }
    const std::vector<std::string> lost = rows.TextArray(row, 6);
    if (!lost.empty()) {
      dependents_->refusals.push_back(
          {publication,
           fmt::format(
               "it publishes column \"{}\" of {}, or filters by it, and {} does not have it",
               fmt::join(lost, "\", \""), pair_.Live(), pair_.Mirror()),
           fmt::format(
               "ALTER PUBLICATION {} SET TABLE ... so that it does without, or add {} to it "
               "as it should be published.",
               name, pair_.Mirror())});
      return;
    }
    std::string member = pair_.Live();
    if (const std::vector<std::string> columns = rows.TextArray(row, 4); !columns.empty())
      member += fmt::format(" ({})", Mapped(columns));
    if (const auto filter = rows.Text(row, 5)) member += fmt::format(" WHERE ({})", *filter);
    dependents_->carried.push_back(publication);
    dependents_->before.push_back(
        fmt::format("ALTER PUBLICATION {} DROP TABLE ONLY {}", name, pair_.Live()));
    dependents_->after.push_back(
        fmt::format("ALTER PUBLICATION {} ADD TABLE ONLY {}", name, member));
  }

  std::string Mapped(const std::vector<std::string>& columns) const {
    std::vector<std::string> names;
    for (const std::string& column : columns)
      names.push_back(pg::QuoteIdentifier(pair_.ByLive(column)->mirror));
    return fmt::format("{}", fmt::join(names, ", "));
  }

  const Pair& pair_;
  Dependents* const dependents_;
};

}  // namespace

void AddPublications(const Pair& pair, Dependents* dependents) {
  Memberships(pair, dependents).Run();
}

void AddReplicaIdentity(const Pair& pair, Dependents* dependents) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      kReplicaIdentity, {pg::Argument::ObjectId(pair.live), pg::Argument::ObjectId(pair.mirror)});
  if (rows.empty()) return;
  const char kind = rows.Text(0, 1).value().front();
  const auto set = [&](const std::string& identity) {
    dependents->carried.push_back(fmt::format("replica identity of {}", pair.Live()));
    dependents->after.push_back(
        fmt::format("ALTER TABLE {} REPLICA IDENTITY {}", pair.Live(), identity));
  };
  if (kind != REPLICA_IDENTITY_INDEX) {
    if (kind == rows.Text(0, 2).value().front()) return;
    set(kind == REPLICA_IDENTITY_FULL      ? "FULL"
        : kind == REPLICA_IDENTITY_NOTHING ? "NOTHING"
                                           : "DEFAULT");
    return;
  }
  // An index that was dropped leaves the table with an identity by an index that is not there,
  // which logs nothing.
  const std::optional<Oid> index = rows.ObjectId(0, 3);
  if (!index) return set("NOTHING");
  const std::vector<ObjectPair> indexes = PairIndexes(pair, StandingRenames(pair));
  const auto found = std::find_if(indexes.begin(), indexes.end(),
                                  [&](const ObjectPair& other) { return other.live == *index; });
  if (found == indexes.end()) {
    dependents->refusals.push_back(
        {fmt::format("replica identity of {}", pair.Live()),
         fmt::format("{} has no index like {}", pair.Mirror(), pg::QualifiedName(*index)),
         fmt::format("Create that index on {}, or choose another replica identity for {}.",
                     pair.Mirror(), pair.Live())});
    return;
  }
  if (rows.ObjectId(0, 4) == found->mirror) return;
  set("USING INDEX " + pg::QuoteIdentifier(found->mirror_name));
}

}  // namespace pg_cutover::swap
