// What hangs on the live table and cannot follow its name to the mirror; see dependents.hpp.
//
// Two kinds: facts about the table itself, looked for one by one, and every entry of pg_depend that
// leads to the table, its partitions or their row types and is not a part of the table nor carried
// by one of the Add functions. The second is a net: what PostgreSQL invents next is refused by
// name, not lost.
#include <fmt/format.h>

#include "swap/dependents.hpp"

#include "link/expression.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::swap {

namespace {

constexpr const char* kAgain = "Drop it before the swap and create it again afterwards.";

// $1: one of the tables. Reason and hint.
constexpr const char* kTableFacts =
    "SELECT format('it is a partition of %s', i.inhparent::regclass) AS reason, "
    "  format('ALTER TABLE %s DETACH PARTITION %s.', i.inhparent::regclass, $1::regclass) AS hint "
    "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhrelid = $1 AND c.relispartition "
    "UNION ALL SELECT format('it inherits from %s', i.inhparent::regclass), "
    "  format('ALTER TABLE %s NO INHERIT %s.', $1::regclass, i.inhparent::regclass) "
    "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhrelid = $1 AND NOT c.relispartition "
    "UNION ALL SELECT format('%s inherits from it', i.inhrelid::regclass), "
    "  format('ALTER TABLE %s NO INHERIT %s.', i.inhrelid::regclass, $1::regclass) "
    "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent "
    "WHERE i.inhparent = $1 AND c.relkind <> 'p' "
    "UNION ALL SELECT format('it is a table of type %s', c.reloftype::regtype), "
    "  format('ALTER TABLE %s NOT OF.', $1::regclass) "
    "FROM pg_class c WHERE c.oid = $1 AND c.reloftype <> 0 "
    "UNION ALL SELECT format('it belongs to extension %s', e.extname), "
    "  format('ALTER EXTENSION %I DROP TABLE %s.', e.extname, $1::regclass) "
    "FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid "
    "WHERE d.classid = 'pg_class'::regclass AND d.objid = $1 AND d.deptype = 'e' "
    "AND d.refclassid = 'pg_extension'::regclass";

// $1: the live table.
constexpr const char* kLiveFacts =
    "SELECT format('%s has a security label of provider %s', "
    "    CASE l.objsubid WHEN 0 THEN 'it' ELSE format('its column %I', a.attname) END, "
    "l.provider), "
    "  format('SECURITY LABEL FOR %I ON %s IS NULL before the swap; label it again afterwards.', "
    "    l.provider, CASE l.objsubid WHEN 0 THEN format('TABLE %s', $1::regclass) "
    "    ELSE format('COLUMN %s.%I', $1::regclass, a.attname) END) "
    "FROM pg_seclabel l LEFT JOIN pg_attribute a ON a.attrelid = l.objoid "
    "  AND a.attnum = l.objsubid AND l.objsubid > 0 "
    "WHERE l.classoid = 'pg_class'::regclass AND l.objoid = $1 "
    "UNION ALL SELECT format('subscription %I replicates into it', s.subname), "
    "  'Take it out of the publication and refresh the subscription.' "
    "FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid WHERE r.srrelid = $1";

// Rules of the table itself, its SELECT included: (object, reason).
constexpr const char* kRules =
    "SELECT pg_describe_object('pg_rewrite'::regclass, r.oid, 0) "
    "FROM pg_rewrite r WHERE r.ev_class = $1 ORDER BY r.rulename";

// Entries of pg_depend as (object, what it depends on, whether that is a row type, whether it is
// the live table). Left out: parts of the table and its partitions, whatever they are called, and
// what AddViews, AddFunctions, AddForeignKeys carry or refuse.
constexpr const char* kDependents =
    "WITH RECURSIVE tree AS (SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM tree "
    "  JOIN pg_class p ON p.oid = tree.oid AND p.relkind = 'p' "
    "  JOIN pg_inherits i ON i.inhparent = p.oid), "
    "types AS (SELECT t.oid, tree.oid AS relation FROM tree JOIN pg_type t ON t.typrelid = "
    "tree.oid "
    "  UNION ALL SELECT t.typarray, tree.oid FROM tree JOIN pg_type t ON t.typrelid = tree.oid), "
    "users AS (SELECT d.classid, d.objid, d.objsubid, tree.oid AS relation, false AS by_type "
    "  FROM tree JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = tree.oid "
    "  UNION SELECT d.classid, d.objid, d.objsubid, types.relation, true "
    "  FROM types JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = "
    "types.oid) "
    "SELECT DISTINCT CASE WHEN r.ev_type = '1' "
    "    THEN pg_describe_object('pg_class'::regclass, r.ev_class, 0) "
    "    WHEN c.relkind IN ('v', 'm') THEN pg_describe_object(u.classid, u.objid, 0) "
    "    ELSE pg_describe_object(u.classid, u.objid, u.objsubid) END AS object, "
    "  u.relation::regclass::text, u.by_type, u.relation = $1, o.polrelid IS NOT NULL "
    "FROM users u "
    "LEFT JOIN pg_class c ON u.classid = 'pg_class'::regclass AND c.oid = u.objid "
    "LEFT JOIN pg_index i ON i.indexrelid = c.oid "
    "LEFT JOIN pg_type t ON u.classid = 'pg_type'::regclass AND t.oid = u.objid "
    "LEFT JOIN pg_constraint k ON u.classid = 'pg_constraint'::regclass AND k.oid = u.objid "
    "LEFT JOIN pg_attrdef f ON u.classid = 'pg_attrdef'::regclass AND f.oid = u.objid "
    "LEFT JOIN pg_trigger g ON u.classid = 'pg_trigger'::regclass AND g.oid = u.objid "
    "LEFT JOIN pg_statistic_ext x ON u.classid = 'pg_statistic_ext'::regclass AND x.oid = u.objid "
    "LEFT JOIN pg_policy o ON u.classid = 'pg_policy'::regclass AND o.oid = u.objid "
    "LEFT JOIN pg_publication_rel b ON u.classid = 'pg_publication_rel'::regclass AND b.oid = "
    "u.objid "
    "LEFT JOIN pg_rewrite r ON u.classid = 'pg_rewrite'::regclass AND r.oid = u.objid "
    // Parts of the table.
    "WHERE NOT coalesce(c.oid IN (SELECT oid FROM tree) OR i.indrelid IN (SELECT oid FROM tree) "
    "    OR c.relkind = 't' OR c.relkind = 'S', false) "
    "AND NOT coalesce(t.oid IN (SELECT oid FROM types), false) "
    "AND NOT coalesce(k.conrelid IN (SELECT oid FROM tree), false) "
    "AND NOT coalesce(f.adrelid IN (SELECT oid FROM tree), false) "
    "AND NOT coalesce(g.tgrelid IN (SELECT oid FROM tree), false) "
    "AND NOT coalesce(x.stxrelid IN (SELECT oid FROM tree), false) "
    "AND NOT coalesce(o.polrelid IN (SELECT oid FROM tree), false) "
    "AND NOT coalesce(b.prrelid IN (SELECT oid FROM tree), false) "
    "AND NOT coalesce(r.ev_class IN (SELECT oid FROM tree), false) "
    // Carried: a foreign key to the table and its copies for partitions; views, rules, functions.
    "AND NOT coalesce(k.contype = 'f' AND k.confrelid IN (SELECT oid FROM tree) "
    "    AND (k.confrelid = $1 OR k.conparentid <> 0), false) "
    "AND NOT (u.relation = $1 AND NOT u.by_type AND (r.oid IS NOT NULL "
    "    OR u.classid = 'pg_proc'::regclass)) "
    // Inheritance children are said above.
    "AND NOT (c.oid IS NOT NULL AND NOT u.by_type AND EXISTS (SELECT FROM pg_inherits h "
    "    WHERE h.inhrelid = c.oid AND h.inhparent = u.relation)) "
    "ORDER BY 1, 2, 3";

void AddTableFacts(const char* query, Oid table, const std::string& name, Dependents* dependents) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(query, {pg::Argument::ObjectId(table)});
  for (uint64_t row = 0; row < rows.size(); ++row)
    dependents->refusals.push_back(
        {"table " + name, rows.Text(row, 1).value(), rows.Text(row, 2).value()});
}

void AddRules(const Pair& pair, Dependents* dependents) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kRules, {pg::Argument::ObjectId(pair.live)});
  for (uint64_t row = 0; row < rows.size(); ++row)
    dependents->refusals.push_back(
        {rows.Text(row, 1).value(), "it rewrites statements on the table", kAgain});
}

void AddDependents(const Pair& pair, Dependents* dependents) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kDependents, {pg::Argument::ObjectId(pair.live)});
  for (uint64_t row = 0; row < rows.size(); ++row) {
    const std::string relation = rows.Text(row, 2).value();
    const bool by_type = rows.Bool(row, 3).value();
    const bool is_live = rows.Bool(row, 4).value();
    const bool policy = rows.Bool(row, 5).value();
    std::string reason;
    if (by_type)
      reason = fmt::format("it uses the row type of {}", relation);
    else if (!is_live)
      reason = fmt::format("it uses {}, a partition of {}", relation, pair.Live());
    else
      reason = fmt::format("it {} {}", policy ? "reads" : "depends on", relation);
    dependents->refusals.push_back({rows.Text(row, 1).value(), std::move(reason), kAgain});
  }
}

}  // namespace

void AddRefusals(const Pair& pair, Dependents* dependents) {
  const link::CanonicalSettings settings;
  AddTableFacts(kTableFacts, pair.live, pair.Live(), dependents);
  AddTableFacts(kLiveFacts, pair.live, pair.Live(), dependents);
  // Otherwise there would be no way back.
  AddTableFacts(kTableFacts, pair.mirror, pair.Mirror(), dependents);
  AddRules(pair, dependents);
  AddDependents(pair, dependents);
}

}  // namespace pg_cutover::swap
