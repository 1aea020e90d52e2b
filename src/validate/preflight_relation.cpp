// What the source is, and what hangs on it; see preflight.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "core/humanize.hpp"

#include "validate/preflight.hpp"

#include "capture/install.hpp"
#include "link/key.hpp"
#include "link/relation_checks.hpp"
#include "link/shadow.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::validate {

namespace {

using core::HumanCount;
using pg::Argument;

// An anti-wraparound VACUUM does not give way to the swap's lock: warned of before it is due.
constexpr double kVacuumIsNearShare = 0.9;
// Of what each partition has, what is named one by one.
constexpr uint64_t kNamed = 5;

// The texts of a query for one relation, one column.
std::vector<std::string> TextsOf(const char* query, Oid relation) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(query, {Argument::RegClass(relation)});
  std::vector<std::string> texts;
  for (uint64_t row = 0; row < rows.size(); ++row)
    texts.push_back(rows.Text(row, 1).value());
  return texts;
}

std::string Joined(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, ", "));
}

// Constraints that the server checks by triggers of its own, where those are disabled.
struct Unenforced {
  std::vector<std::string> constraints;
  std::string hint;
};

Unenforced FindUnenforced(Oid relation, const char* condition) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      fmt::format(
          "WITH tree AS (SELECT $1::oid AS oid UNION SELECT relid FROM pg_partition_tree($1)) "
          "SELECT DISTINCT format('%I of %s (on %s)', k.conname, k.conrelid::regclass, "
          "    t.tgrelid::regclass), "
          "  format('ALTER TABLE %s ENABLE TRIGGER ALL', t.tgrelid::regclass) "
          "  FROM pg_constraint k JOIN pg_trigger t ON t.tgconstraint = k.oid "
          " WHERE t.tgisinternal AND t.tgenabled IN ('D', 'R') AND {} ORDER BY 1",
          condition),
      {Argument::RegClass(relation)});
  Unenforced found;
  for (uint64_t row = 0; row < std::min(rows.size(), kNamed); ++row)
    found.constraints.push_back(rows.Text(row, 1).value());
  if (rows.size() > kNamed)
    found.constraints.push_back(fmt::format("and {} more", rows.size() - kNamed));
  if (!rows.empty()) found.hint = rows.Text(0, 2).value() + ", if they should be enforced";
  return found;
}

}  // namespace

Answer Source(const Subject& subject) {
  const pg::OpenRelation source(subject.source, AccessShareLock);
  std::optional<std::string> refusal;
  if (const std::optional<pg::Error> failure =
          TryForRefusal([&] { refusal = link::CheckSource(source.get()); }))
    return Refusal(*failure);
  if (!refusal)
    return {Status::kOk, fmt::format("{} can be copied and kept in step", subject.source_name), {}};
  return {Status::kWarning,
          fmt::format("{} can be copied once but not kept in step nor swapped: {}",
                      subject.source_name, *refusal),
          fmt::format("SELECT migrate_backfill({}, '<target>', sync => false)",
                      pg::QuoteLiteral(subject.source_name))};
}

// What migrate_shadow and migrate_table say of such a table, before anything is altered.
Answer Shadow(const Subject& subject) {
  if (OidIsValid(subject.target))
    return {Status::kOk, "not needed: the target is there already", {}};
  const pg::OpenRelation source(subject.source, AccessShareLock);
  const std::optional<pg::Error> failure =
      TryForRefusal([&] { link::RequireShadowable(source.get()); });
  if (!failure)
    return {Status::kOk, "migrate_shadow and migrate_table can make a table like it", {}};
  Answer answer = Refusal(*failure);
  answer.details = "migrate_shadow and migrate_table refuse it: " + answer.details;
  return answer;
}

// migrate_cutover swaps only what is kept in step.
Answer Cutover(const Subject& subject) {
  const pg::OpenRelation source(subject.source, AccessShareLock);
  std::optional<std::string> refusal;
  if (const std::optional<pg::Error> failure =
          TryForRefusal([&] { refusal = link::CheckSource(source.get()); }))
    return Refusal(*failure);
  if (!refusal) return {Status::kOk, "another table can take its place", {}};
  return {Status::kRefused, fmt::format("migrate_cutover refuses it: {}", *refusal),
          "Copy it once, and let the application use the copy by its own name."};
}

Answer SourceKey(const Subject& subject) {
  const pg::OpenRelation source(subject.source, AccessShareLock);
  const char kind = source->rd_rel->relkind;
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
    return {Status::kRefused, "only a table has a key by which rows could be kept in step",
            "Copy once into a target that has a key: migrate_backfill(..., sync => false)."};
  const std::vector<link::UniqueKey> keys = link::UsableKeys(source.get());
  if (!keys.empty())
    return {Status::kOk,
            fmt::format("rows are found by {} index {}",
                        keys.front().primary ? "primary key" : "unique",
                        pg::QuoteIdentifier(pg::RelationName(keys.front().index))),
            {}};
  return {
      Status::kRefused,
      "no primary key and no other unique index that is valid, immediate, without predicate or "
      "expression, and over NOT NULL columns",
      fmt::format(
          "ALTER TABLE {} ADD PRIMARY KEY USING INDEX after CREATE UNIQUE INDEX CONCURRENTLY, or "
          "copy once into a target that has a key: migrate_backfill(..., sync => false).",
          subject.source_name)};
}

Answer InvalidIndexes(const Subject& subject) {
  const std::vector<std::string> invalid = TextsOf(
      "SELECT i.indexrelid::regclass::text FROM pg_index i WHERE NOT (i.indisvalid AND "
      "i.indisready) "
      "  AND (i.indrelid = $1 OR i.indrelid IN (SELECT relid FROM pg_partition_tree($1))) ORDER BY "
      "1",
      subject.source);
  if (invalid.empty()) return {Status::kOk, "every index of the source is valid", {}};
  return {Status::kWarning,
          fmt::format("{} invalid: {}; a shadow does not get {}", invalid.size(), Joined(invalid),
                      invalid.size() == 1 ? "it" : "them"),
          fmt::format("REINDEX INDEX CONCURRENTLY {0}, or DROP INDEX CONCURRENTLY {0}",
                      invalid.front())};
}

Answer RowSecurity(const Subject& subject) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT c.relrowsecurity, c.relforcerowsecurity, (SELECT count(*) FROM pg_policy p "
      "  WHERE p.polrelid = c.oid) FROM pg_class c WHERE c.oid = $1",
      {Argument::RegClass(subject.source)});
  const int64_t policies = rows.Int8(0, 3).value();
  if (!rows.Bool(0, 1).value())
    return {Status::kOk,
            policies == 0
                ? "row security is not enabled"
                : fmt::format("row security is not enabled; policies that wait for it: {}",
                              HumanCount(policies)),
            {}};
  const std::string enabled = fmt::format(
      "row security is enabled{} with {} {}", rows.Bool(0, 2).value() ? " and forced" : "",
      HumanCount(policies), policies == 1 ? "policy" : "policies");
  const std::string role = pg::RoleName(GetUserId());
  if (pg::Call(check_enable_rls, subject.source, GetUserId(), true) != RLS_ENABLED)
    return {Status::kOk, fmt::format("{}; role \"{}\" is not subject to it", enabled, role), {}};
  return {
      Status::kRefused,
      fmt::format("{}; it hides rows from role \"{}\", and a copy would be a part of the table",
                  enabled, role),
      fmt::format("Call as a role with BYPASSRLS, or ALTER TABLE {} NO FORCE ROW LEVEL SECURITY.",
                  subject.source_name)};
}

// A trigger that writes to the row again before ours has seen the first write is no danger: ours
// looks at the state of the row and not at the event.
Answer Triggers(const Subject& subject) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT quote_ident(t.tgname), "
      // AFTER and FOR EACH ROW
      "  t.tgtype::integer & 66 = 0 AND t.tgtype::integer & 1 = 1 AND t.tgname < $2::name COLLATE "
      "\"C\", "
      "  t.tgenabled IN ('D', 'R') "
      "  FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal "
      "   AND t.tgname !~ '^~pg_cutover_' ORDER BY t.tgname",
      {Argument::RegClass(subject.source), Argument::Text(capture::TriggerName(0))});
  const Unenforced unenforced = FindUnenforced(
      subject.source, "k.contype IN ('u', 'p', 'x') AND k.conrelid IN (SELECT oid FROM tree)");
  const bool enforced = unenforced.constraints.empty();
  if (rows.empty() && enforced) return {Status::kOk, "no trigger of its own", {}};
  std::vector<std::string> before_ours;
  std::vector<std::string> silent;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    const std::string name = rows.Text(row, 1).value();
    if (rows.Bool(row, 2).value()) before_ours.push_back(name);
    if (rows.Bool(row, 3).value()) silent.push_back(name);
  }
  std::string details =
      fmt::format("{} {}", rows.size(), rows.size() == 1 ? "trigger" : "triggers");
  if (!before_ours.empty())
    details +=
        fmt::format("; before ours {} {}, which does no harm: ours mirrors the row as it is then",
                    before_ours.size() == 1 ? "fires" : "fire", Joined(before_ours));
  if (!enforced)
    details +=
        fmt::format("; triggers of the server are disabled, so that these are not enforced: {}",
                    Joined(unenforced.constraints));
  if (silent.empty())
    return {enforced ? Status::kOk : Status::kWarning, std::move(details), unenforced.hint};
  return {Status::kWarning,
          fmt::format("{}; {} {} not fire on ordinary writes, and neither will it on the target",
                      details, Joined(silent), silent.size() == 1 ? "does" : "do"),
          fmt::format("ALTER TABLE {} ENABLE TRIGGER {}, if it should fire", subject.source_name,
                      silent.front())};
}

Answer Publications(const Subject& subject) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "WITH tree AS (SELECT $1::oid AS oid UNION SELECT relid FROM pg_partition_tree($1) "
      "  UNION SELECT relid FROM pg_partition_ancestors($1)) "
      "SELECT quote_ident(p.pubname), p.puballtables, p.puballtables OR EXISTS (SELECT FROM "
      "pg_publication_namespace n "
      "    JOIN pg_class c ON c.relnamespace = n.pnnspid WHERE n.pnpubid = p.oid AND c.oid = $1) "
      "  FROM pg_publication p "
      " WHERE p.puballtables OR EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid "
      "     AND r.prrelid IN (SELECT oid FROM tree)) "
      "   OR EXISTS (SELECT FROM pg_publication_namespace n JOIN pg_class c ON c.relnamespace = "
      "n.pnnspid "
      "     WHERE n.pnpubid = p.oid AND c.oid = $1) ORDER BY p.pubname",
      {Argument::RegClass(subject.source)});
  if (rows.empty()) return {Status::kOk, "it is in no publication", {}};
  std::vector<std::string> named;
  std::vector<std::string> wide;
  bool all_tables = false;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    (rows.Bool(row, 3).value() ? wide : named).push_back(rows.Text(row, 1).value());
    all_tables = all_tables || rows.Bool(row, 2).value();
  }
  std::string details;
  if (!named.empty())
    details =
        fmt::format("it is in publication {}; the swap puts its successor there", Joined(named));
  if (wide.empty()) return {Status::kOk, std::move(details), {}};
  const char* const hint =
      all_tables
          ? "Publish tables by name: a subscriber that does not have them all stops. Throttle "
            "the copy with max_slot_lag."
          : "Throttle the copy with max_slot_lag, and make the target on subscribers, too.";
  return {
      Status::kWarning,
      fmt::format("{}{}publication {} takes in the target as well: everything that is copied is "
                  "decoded and sent{}",
                  details, details.empty() ? "" : "; ", Joined(wide),
                  all_tables ? ", and so are the extension's own tables" : ""),
      hint};
}

Answer ForeignKeys(const Subject& subject) {
  const char* const query =
      "SELECT format('%I of %s to %s%s', k.conname, k.conrelid::regclass, k.confrelid::regclass, "
      "    CASE WHEN k.convalidated THEN '' ELSE ' NOT VALID' END) FROM pg_constraint k "
      " WHERE k.contype = 'f' AND k.conparentid = 0 AND ";
  const std::vector<std::string> out =
      TextsOf(fmt::format("{}k.conrelid = $1 ORDER BY 1", query).c_str(), subject.source);
  const std::vector<std::string> in =
      TextsOf(fmt::format("{}k.confrelid = $1 AND k.conrelid <> $1 ORDER BY 1", query).c_str(),
              subject.source);
  if (out.empty() && in.empty()) return {Status::kOk, "none, in either direction", {}};
  std::string details = fmt::format("{} out{}{}, {} in{}{}", out.size(), out.empty() ? "" : ": ",
                                    Joined(out), in.size(), in.empty() ? "" : ": ", Joined(in));
  const std::vector<std::string> doubtful = TextsOf(
      "SELECT format('ALTER TABLE %s VALIDATE CONSTRAINT %I', k.conrelid::regclass, k.conname) "
      "  FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT k.convalidated "
      "   AND $1 IN (k.conrelid, k.confrelid) ORDER BY 1",
      subject.source);
  const Unenforced unenforced =
      FindUnenforced(subject.source,
                     "k.contype = 'f' AND (k.conrelid IN (SELECT oid FROM tree) OR k.confrelid IN "
                     "(SELECT oid FROM tree))");
  if (!unenforced.constraints.empty())
    return {Status::kWarning,
            fmt::format("{}; not enforced, as their triggers are disabled: {}; the new table's "
                        "will be, and rows that violate one keep it from being validated",
                        details, Joined(unenforced.constraints)),
            unenforced.hint};
  if (doubtful.empty()) return {Status::kOk, std::move(details), {}};
  return {Status::kWarning, details + "; what is NOT VALID stays so", doubtful.front()};
}

Answer Wraparound(const Subject& subject) {
  pg::Spi spi;
  // TOAST tables have an age of their own. A table may be given an earlier date than the server's.
  const pg::Rows rows = spi.Query(
      "WITH leaf AS (SELECT c.* FROM pg_class c WHERE c.oid = $1 "
      "    OR c.oid IN (SELECT relid FROM pg_partition_tree($1) WHERE isleaf)), "
      "limits AS (SELECT least(current_setting('autovacuum_freeze_max_age')::bigint, "
      "    (SELECT min(o.option_value::bigint) FROM leaf, pg_options_to_table(leaf.reloptions) AS "
      "o "
      "      WHERE o.option_name = 'autovacuum_freeze_max_age')) AS xids, "
      "  current_setting('autovacuum_multixact_freeze_max_age')::bigint AS multixacts) "
      "SELECT max(age(s.relfrozenxid))::bigint, min(l.xids), max(mxid_age(s.relminmxid))::bigint, "
      "  min(l.multixacts) "
      "  FROM limits l, leaf JOIN pg_class s ON s.oid IN (leaf.oid, leaf.reltoastrelid) "
      " WHERE s.relfrozenxid <> 0",
      {Argument::RegClass(subject.source)});
  const std::optional<int64_t> age = rows.Int8(0, 1);
  if (!age) return {Status::kOk, "it has no rows of its own", {}};
  const int64_t limit = rows.Int8(0, 2).value();
  const int64_t multixact_age = rows.Int8(0, 3).value();
  const int64_t multixact_limit = rows.Int8(0, 4).value();
  std::string details = fmt::format(
      "{} transactions and {} multixacts old; VACUUM against wraparound is due at {} and {}",
      HumanCount(*age), HumanCount(multixact_age), HumanCount(limit), HumanCount(multixact_limit));
  const auto near = [](int64_t value, int64_t due) {
    return static_cast<double>(value) > kVacuumIsNearShare * static_cast<double>(due);
  };
  if (!near(*age, limit) && !near(multixact_age, multixact_limit))
    return {Status::kOk, std::move(details), {}};
  return {
      Status::kWarning, std::move(details),
      fmt::format("VACUUM (FREEZE) {}: one that is forced does not give way to the swap's locks.",
                  subject.source_name)};
}

}  // namespace pg_cutover::validate
