// Row security: the mirror gets the live table's policies, their comments, and both switches; see
// properties.hpp.
//
// Expressions are printed by PostgreSQL while the live table's columns have the mirror's names.
// They may read the table itself in a subquery, under the name that the mirror has by the time they
// are parsed: that is why policies are made after the renames.
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/object_pairs.hpp"
#include "swap/properties.hpp"

namespace pg_cutover::swap {

namespace {

constexpr const char* kPolicies =
    "SELECT p.polname::text, format('AS %s FOR %s TO %s%s%s', "
    "    CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, "
    "    CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' "
    "                  WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, "
    "    (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) "
    "       END, ', ' ORDER BY r) FROM unnest(p.polroles) AS r), "
    "    coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ''), "
    "    coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')), "
    "  obj_description(p.oid, 'pg_policy') "
    "FROM pg_policy p WHERE p.polrelid = $1 ORDER BY p.polname";

constexpr const char* kLostColumns =
    "SELECT p.polname::text, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_policy p "
    "JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid "
    "  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.refobjsubid > 0 "
    "JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = d.refobjsubid "
    "WHERE p.polrelid = $1 AND a.attname <> ALL ($2::text[]) GROUP BY p.polname ORDER BY p.polname";

constexpr const char* kSwitches =
    "SELECT l.relrowsecurity, l.relforcerowsecurity, l.relrowsecurity = m.relrowsecurity, "
    "  l.relforcerowsecurity = m.relforcerowsecurity "
    "FROM pg_class l, pg_class m WHERE l.oid = $1 AND m.oid = $2";

struct Policy {
  std::string clauses;
  std::optional<std::string> comment;
};

std::map<std::string, Policy> PoliciesOf(Oid table) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kPolicies, {pg::Argument::ObjectId(table)});
  std::map<std::string, Policy> policies;
  for (uint64_t row = 0; row < rows.size(); ++row)
    policies[rows.Text(row, 1).value()] = {rows.Text(row, 2).value(), rows.Text(row, 3)};
  return policies;
}

void AddLostColumns(const Pair& pair, Dependents* dependents) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      kLostColumns, {pg::Argument::ObjectId(pair.live), pg::Argument::TextArray(LiveNames(pair))});
  for (uint64_t row = 0; row < rows.size(); ++row) {
    const std::string name = pg::QuoteIdentifier(rows.Text(row, 1).value());
    dependents->refusals.push_back(
        {fmt::format("policy {} on {}", name, pair.Live()),
         fmt::format("it uses column \"{}\", which {} does not have",
                     fmt::join(rows.TextArray(row, 2), "\", \""), pair.Mirror()),
         fmt::format("ALTER POLICY {} ON {} so that it does without, or drop it.", name,
                     pair.Live())});
  }
}

void AddSwitches(const Pair& pair, Dependents* dependents) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      kSwitches, {pg::Argument::ObjectId(pair.live), pg::Argument::ObjectId(pair.mirror)});
  if (rows.empty()) return;
  const auto set = [&](const char* action) {
    dependents->after.push_back(
        fmt::format("ALTER TABLE {} {} ROW LEVEL SECURITY", pair.Live(), action));
  };
  if (!rows.Bool(0, 3).value()) set(rows.Bool(0, 1).value() ? "ENABLE" : "DISABLE");
  if (!rows.Bool(0, 4).value()) set(rows.Bool(0, 2).value() ? "FORCE" : "NO FORCE");
}

}  // namespace

void AddPolicies(const Pair& pair, Dependents* dependents) {
  AddLostColumns(pair, dependents);
  const std::map<std::string, Policy> live = PoliciesOf(pair.live);
  std::map<std::string, Policy> mirror = PoliciesOf(pair.mirror);
  for (auto policy = mirror.begin(); policy != mirror.end();) {
    const auto wanted = live.find(policy->first);
    if (wanted != live.end() && wanted->second.clauses == policy->second.clauses) {
      ++policy;
      continue;
    }
    dependents->after.push_back(
        fmt::format("DROP POLICY {} ON {}", pg::QuoteIdentifier(policy->first), pair.Live()));
    policy = mirror.erase(policy);
  }
  for (const auto& [name, policy] : live) {
    const std::string object = fmt::format("{} ON {}", pg::QuoteIdentifier(name), pair.Live());
    const auto present = mirror.find(name);
    const std::optional<std::string> comment =
        present == mirror.end() ? std::nullopt : present->second.comment;
    dependents->carried.push_back(
        fmt::format("policy {} on {}", pg::QuoteIdentifier(name), pair.Live()));
    if (present == mirror.end())
      dependents->after.push_back(fmt::format("CREATE POLICY {} {}", object, policy.clauses));
    if (policy.comment != comment)
      dependents->after.push_back(CommentStatement("POLICY " + object, policy.comment));
  }
  AddSwitches(pair, dependents);
}

}  // namespace pg_cutover::swap
