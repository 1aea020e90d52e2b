// AddProperties: owner, comments, and the parts of properties.hpp; see dependents.hpp.
#include <fmt/format.h>

#include "swap/dependents.hpp"

#include "link/expression.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/object_pairs.hpp"
#include "swap/properties.hpp"

namespace pg_cutover::swap {

namespace {

// 16 tells SET ROLE from membership, and ownership needs the former.
constexpr const char* kOwners =
    "SELECT l.relowner = m.relowner, pg_get_userbyid(l.relowner)::text, "
    "  pg_get_userbyid(m.relowner)::text, pg_has_role(m.relowner, 'USAGE'), "
    "  pg_has_role(l.relowner, CASE WHEN current_setting('server_version_num')::int >= 160000 "
    "                               THEN 'SET' ELSE 'MEMBER' END), "
    "  has_schema_privilege(l.relowner, l.relnamespace, 'CREATE') "
    "    OR (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) "
    "FROM pg_class l, pg_class m WHERE l.oid = $1 AND m.oid = $2";

// These do not follow their table to a new owner; sequences and indexes do.
constexpr const char* kStatistics =
    "SELECT format('%I.%I', n.nspname, s.stxname) FROM pg_class m "
    "JOIN pg_statistic_ext s ON s.stxrelid = m.oid AND s.stxowner = m.relowner "
    "JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE m.oid = $1 ORDER BY s.oid";

constexpr const char* kComments =
    "SELECT NULL::text, obj_description($1, 'pg_class'), obj_description($2, 'pg_class') "
    "UNION ALL (SELECT m.attname::text, col_description($1, l.attnum), "
    "    col_description($2, m.attnum) "
    "  FROM unnest($3::text[], $4::text[]) AS c (live, mirror) "
    "  JOIN pg_attribute l ON l.attrelid = $1 AND l.attname = c.live AND NOT l.attisdropped "
    "  JOIN pg_attribute m ON m.attrelid = $2 AND m.attname = c.mirror AND NOT m.attisdropped "
    "  ORDER BY m.attnum)";

std::vector<pg::Argument> Both(const Pair& pair) {
  return {pg::Argument::ObjectId(pair.live), pg::Argument::ObjectId(pair.mirror)};
}

template <class Item>
void Append(std::vector<Item>&& from, std::vector<Item>* to) {
  to->insert(to->end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

std::string CommentStatement(const std::string& object, const std::optional<std::string>& comment) {
  return fmt::format("COMMENT ON {} IS {}", object, comment ? pg::QuoteLiteral(*comment) : "NULL");
}

void AddOwner(const Pair& pair, Dependents* dependents) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kOwners, Both(pair));
  if (rows.empty() || rows.Bool(0, 1).value()) return;
  const std::string live_owner = rows.Text(0, 2).value();
  const std::string mirror_owner = rows.Text(0, 3).value();
  const std::string table = fmt::format("table {}", pair.Mirror());
  if (!rows.Bool(0, 4).value())
    dependents->refusals.push_back(
        {table,
         fmt::format("it belongs to role \"{}\", of which you are not a member", mirror_owner),
         fmt::format("ALTER TABLE {} OWNER TO {}.", pair.Mirror(),
                     pg::QuoteIdentifier(live_owner))});
  else if (!rows.Bool(0, 5).value())
    dependents->refusals.push_back(
        {table,
         fmt::format("it cannot be given to the owner of {}, role \"{}\", of which you are not a "
                     "member",
                     pair.Live(), live_owner),
         "Call as a member of both owners."});
  else if (!rows.Bool(0, 6).value())
    dependents->refusals.push_back(
        {table,
         fmt::format("it cannot be given to role \"{}\", which may not create tables in schema {}",
                     live_owner, pg::QuoteIdentifier(pair.schema)),
         fmt::format("GRANT CREATE ON SCHEMA {} TO {}.", pg::QuoteIdentifier(pair.schema),
                     pg::QuoteIdentifier(live_owner))});
  dependents->carried.push_back(fmt::format("owner of {}", pair.Live()));
  dependents->after.push_back(
      fmt::format("ALTER TABLE {} OWNER TO {}", pair.Live(), pg::QuoteIdentifier(live_owner)));
  const pg::Rows statistics = spi.Execute(kStatistics, {pg::Argument::ObjectId(pair.mirror)});
  for (uint64_t row = 0; row < statistics.size(); ++row)
    dependents->after.push_back(fmt::format("ALTER STATISTICS {} OWNER TO {}",
                                            statistics.Text(row, 1).value(),
                                            pg::QuoteIdentifier(live_owner)));
}

void AddComments(const Pair& pair, Dependents* dependents) {
  std::vector<pg::Argument> arguments = Both(pair);
  arguments.push_back(pg::Argument::TextArray(LiveNames(pair)));
  arguments.push_back(pg::Argument::TextArray(MirrorNames(pair)));
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kComments, arguments);
  for (uint64_t row = 0; row < rows.size(); ++row) {
    const std::optional<std::string> column = rows.Text(row, 1);
    const std::optional<std::string> comment = rows.Text(row, 2);
    if (comment == rows.Text(row, 3)) continue;
    const std::string object =
        column ? fmt::format("COLUMN {}.{}", pair.Live(), pg::QuoteIdentifier(*column))
               : fmt::format("TABLE {}", pair.Live());
    dependents->after.push_back(CommentStatement(object, comment));
  }
}

void AddProperties(const Pair& pair, bool deparsed, Dependents* dependents) {
  const Pair now = deparsed ? Aligned(pair) : pair;
  const link::CanonicalSettings settings;
  Dependents found;
  // The owner first: the others act in its name.
  AddOwner(now, &found);
  AddGrants(now, &found);
  AddComments(now, &found);
  AddPolicies(now, &found);
  AddStorage(now, &found);
  AddReplicaIdentity(now, &found);
  AddPublications(now, &found);
  Append(std::move(found.refusals), &dependents->refusals);
  Append(std::move(found.carried), &dependents->carried);
  if (!deparsed) return;
  Append(std::move(found.before), &dependents->before);
  Append(std::move(found.after), &dependents->after);
}

}  // namespace pg_cutover::swap
