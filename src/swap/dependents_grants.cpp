// Privileges on the mirror become those on the live table; see properties.hpp.
//
// Who granted what is not compared: where the privileges are equal the mirror keeps the grantors it
// has. Where they are not, everything that was granted on the mirror by others than its owner is
// revoked first, as the owner can neither see to it nor take it back in part.
#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/object_pairs.hpp"
#include "swap/properties.hpp"

namespace pg_cutover::swap {

namespace {

// Of a relation and of a column: $1, $2 relations, $3 the kind for acldefault, $4, $5 columns. The
// mirror's owner will be the live table's by then, in the privileges too.
constexpr const char* kPrivileges =
    "WITH want AS (SELECT e.grantee, e.privilege_type AS privilege, "
    "    bool_or(e.is_grantable) AS grantable "
    "  FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $4, "
    "    aclexplode(CASE WHEN $4 IS NULL THEN coalesce(c.relacl, "
    "      acldefault($3::\"char\", c.relowner)) ELSE a.attacl END) AS e "
    "  WHERE c.oid = $1 GROUP BY 1, 2), "
    "granted AS (SELECT CASE WHEN e.grantee = c.relowner THEN l.relowner ELSE e.grantee END "
    "    AS grantee, e.grantor <> c.relowner AS by_other, e.grantor, e.privilege_type AS "
    "privilege, "
    "    e.is_grantable AS grantable "
    "  FROM pg_class l, pg_class c "
    "  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $5, "
    "    aclexplode(CASE WHEN $5 IS NULL THEN coalesce(c.relacl, "
    "      acldefault($3::\"char\", c.relowner)) ELSE a.attacl END) AS e "
    "  WHERE l.oid = $1 AND c.oid = $2), "
    "have AS (SELECT grantee, privilege, bool_or(grantable) AS grantable FROM granted "
    "  GROUP BY 1, 2), "
    "kept AS (SELECT grantee, privilege, bool_or(grantable) AS grantable FROM granted "
    "  WHERE NOT by_other AND grantee NOT IN (SELECT grantor FROM granted WHERE by_other) "
    "  GROUP BY 1, 2) "
    "SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, "
    "  privilege, want.grantable, have.grantable, kept.grantable, "
    "  EXISTS (SELECT FROM granted g WHERE g.by_other AND g.grantor = grantee) "
    "FROM want FULL JOIN have USING (grantee, privilege) LEFT JOIN kept USING (grantee, privilege) "
    "ORDER BY 1, 2";

constexpr const char* kGrantedColumns =
    "SELECT c.live, c.mirror FROM unnest($3::text[], $4::text[]) AS c (live, mirror) "
    "JOIN pg_attribute l ON l.attrelid = $1 AND l.attname = c.live "
    "JOIN pg_attribute m ON m.attrelid = $2 AND m.attname = c.mirror "
    "WHERE l.attacl IS NOT NULL OR m.attacl IS NOT NULL ORDER BY m.attnum";

struct Place {
  Oid live;
  Oid mirror;
  char kind;
  std::optional<std::string> live_column;
  std::optional<std::string> mirror_column;
  std::string called;
};

// A column's grants go with the table's: REVOKE on a table takes the columns' along. With
// `columns_lost` that has happened.
class Grants {
 public:
  Grants(const Place& place, bool columns_lost) : place_(place), columns_lost_(columns_lost) {}

  std::vector<std::string> Statements() {
    pg::Spi spi;
    const pg::Rows rows = spi.Execute(
        kPrivileges,
        {pg::Argument::ObjectId(place_.live), pg::Argument::ObjectId(place_.mirror),
         pg::Argument::Text(std::string(1, place_.kind)), pg::Argument::Text(place_.live_column),
         pg::Argument::Text(place_.mirror_column)});
    bool differs = columns_lost_;
    for (uint64_t row = 0; row < rows.size(); ++row)
      differs |= rows.Bool(row, 3) != rows.Bool(row, 4);
    if (!differs) return {};
    for (uint64_t row = 0; row < rows.size(); ++row) {
      const std::string grantee = rows.Text(row, 1).value();
      if (rows.Bool(row, 6).value()) others_.push_back(grantee);
      Compare(grantee, rows.Text(row, 2).value(), rows.Bool(row, 3),
              columns_lost_ ? std::nullopt : rows.Bool(row, 5));
    }
    return Collect();
  }

 private:
  using Step = std::map<std::string, std::vector<std::string>>;  // privileges by grantee

  void Compare(const std::string& grantee, const std::string& privilege, std::optional<bool> want,
               std::optional<bool> have) {
    if (want == have) return;
    if (!want)
      revoke_[grantee].push_back(Privilege(privilege));
    else if (*want)
      grant_with_option_[grantee].push_back(Privilege(privilege));
    else if (have)
      revoke_option_[grantee].push_back(Privilege(privilege));
    else
      grant_[grantee].push_back(Privilege(privilege));
  }

  std::string Privilege(const std::string& privilege) const {
    if (!place_.mirror_column) return privilege;
    return fmt::format("{} ({})", privilege, pg::QuoteIdentifier(*place_.mirror_column));
  }

  std::vector<std::string> Collect() {
    std::vector<std::string> statements;
    others_.erase(std::unique(others_.begin(), others_.end()), others_.end());
    for (const std::string& other : others_)
      statements.push_back(
          fmt::format("REVOKE {} ON {} FROM {} CASCADE", Privilege("ALL"), place_.called, other));
    const auto add = [&](const Step& step, const char* form) {
      for (const auto& [grantee, privileges] : step)
        statements.push_back(
            fmt::format(fmt::runtime(form), fmt::join(privileges, ", "), place_.called, grantee));
    };
    add(revoke_, "REVOKE {} ON {} FROM {} CASCADE");
    add(revoke_option_, "REVOKE GRANT OPTION FOR {} ON {} FROM {} CASCADE");
    add(grant_, "GRANT {} ON {} TO {}");
    add(grant_with_option_, "GRANT {} ON {} TO {} WITH GRANT OPTION");
    return statements;
  }

  const Place& place_;
  const bool columns_lost_;
  std::vector<std::string> others_;
  Step revoke_;
  Step revoke_option_;
  Step grant_;
  Step grant_with_option_;
};

bool Revokes(const std::vector<std::string>& statements) {
  return std::any_of(statements.begin(), statements.end(),
                     [](const std::string& statement) { return statement.starts_with("REVOKE "); });
}

}  // namespace

std::vector<std::string> GrantStatements(Oid live, Oid mirror, char kind,
                                         const std::string& called) {
  const Place place{live, mirror, kind, {}, {}, called};
  return Grants(place, false).Statements();
}

void AddGrants(const Pair& pair, Dependents* dependents) {
  const std::string table = fmt::format("TABLE {}", pair.Live());
  std::vector<std::string> statements = GrantStatements(pair.live, pair.mirror, 'r', table);
  const bool columns_lost = Revokes(statements);
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      kGrantedColumns,
      {pg::Argument::ObjectId(pair.live), pg::Argument::ObjectId(pair.mirror),
       pg::Argument::TextArray(LiveNames(pair)), pg::Argument::TextArray(MirrorNames(pair))});
  for (uint64_t row = 0; row < rows.size(); ++row) {
    const Place place{pair.live, pair.mirror, 'c', rows.Text(row, 1), rows.Text(row, 2), table};
    const std::vector<std::string> more = Grants(place, columns_lost).Statements();
    statements.insert(statements.end(), more.begin(), more.end());
  }
  if (statements.empty()) return;
  dependents->carried.push_back(fmt::format("privileges on {}", pair.Live()));
  dependents->after.insert(dependents->after.end(), statements.begin(), statements.end());
}

}  // namespace pg_cutover::swap
