// What hangs on a table besides its columns; see source_objects.hpp.
#include "link/source_objects.hpp"

#include "link/expression.hpp"
#include "pg/spi.hpp"

namespace pg_cutover::link {

namespace {

// $1: the table. Whether a constraint is validated is no part of what it demands.
constexpr const char* kObjects = R"sql(
WITH object AS (
SELECT 'pg_class'::regclass AS class, i.indexrelid AS oid, c.relname::text AS name,
       CASE WHEN k.oid IS NULL THEN 'index' ELSE 'constraint' END AS kind, true AS index, false AS to_itself,
       concat_ws('|', m.amname, i.indisunique, i.indisprimary, i.indisexclusion, i.indnullsnotdistinct,
                 i.indimmediate, i.indnkeyatts, i.indnatts, k.contype, i.indexprs IS NULL,
                 i.indpred IS NULL) AS shape,
       concat_ws('|', (SELECT string_agg(concat_ws(' ', coalesce(quote_ident(a.attname), '()'),
                                                   i.indoption[u.o - 1], p.opcname,
                                                   i.indcollation[u.o - 1]::regcollation), ', ' ORDER BY u.o)
                         FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u (n, o)
                         LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n
                         LEFT JOIN pg_opclass p ON p.oid = i.indclass[u.o - 1]),
                 'expressions ' || pg_get_expr(i.indexprs, i.indrelid),
                 'predicate ' || pg_get_expr(i.indpred, i.indrelid),
                 CASE WHEN i.indisexclusion THEN pg_get_constraintdef(k.oid) END) AS definition
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
  LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
        AND k.contype IN ('p', 'u', 'x')
 WHERE i.indrelid = $1 AND i.indisvalid AND i.indislive
UNION ALL
SELECT 'pg_constraint'::regclass, k.oid, k.conname, 'constraint', false, false, 'check',
       regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '')
  FROM pg_constraint k WHERE k.conrelid = $1 AND k.contype = 'c'
UNION ALL
SELECT 'pg_constraint'::regclass, k.oid, k.conname, 'foreign key', false, k.confrelid = $1,
       concat_ws('|', CASE WHEN k.confrelid = $1 THEN 'itself' ELSE k.confrelid::regclass::text END,
                 cardinality(k.conkey), k.confupdtype, k.confdeltype, k.confmatchtype, k.condeferrable,
                 k.condeferred),
       concat_ws(' ', ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS u (n, o)
                              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o),
                 ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS u (n, o)
                         JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o),
                 ARRAY(SELECT a.attname FROM unnest(k.confdelsetcols) AS u (n)
                         JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.n))
  FROM pg_constraint k WHERE k.conrelid = $1 AND k.contype = 'f' AND k.conparentid = 0
UNION ALL
SELECT 'pg_trigger'::regclass, t.oid, t.tgname, 'trigger', false, false,
       concat_ws('|', t.tgname, t.tgenabled, t.tgfoid::regproc),
       replace(pg_get_triggerdef(t.oid), ' ON ' || t.tgrelid::regclass::text || ' ', ' ')
  FROM pg_trigger t
 WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND t.tgparentid = 0
   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = t.tgfoid AND d.deptype = 'e'
                      AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_cutover')
UNION ALL
SELECT 'pg_statistic_ext'::regclass, s.oid, format('%I.%I', n.nspname, s.stxname), 'statistics object',
       false, false,
       concat_ws('|', ARRAY(SELECT k FROM unnest(s.stxkind) AS k ORDER BY k), cardinality(s.stxkeys::int2[]),
                 s.stxexprs IS NULL),
       concat_ws('|', ARRAY(SELECT a.attname FROM unnest(s.stxkeys::int2[]) AS u (n)
                              JOIN pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = u.n
                             ORDER BY a.attname),
                 pg_get_expr(s.stxexprs, s.stxrelid))
  FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = $1)
SELECT o.oid, o.kind, o.name, o.index, o.to_itself, o.shape, o.shape || ': ' || o.definition,
       ARRAY(SELECT DISTINCT a.attname::text FROM pg_depend d
               JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = d.refobjsubid
              WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.refobjsubid > 0
                AND ((d.classid = o.class AND d.objid = o.oid)
                     OR (d.classid = 'pg_constraint'::regclass
                         AND d.objid IN (SELECT k.oid FROM pg_constraint k
                                          WHERE o.index AND k.conindid = o.oid AND k.conrelid = $1))))
  FROM object o ORDER BY o.kind, o.name
)sql";

}  // namespace

std::vector<TableObject> ObjectsOf(Oid table) {
  const CanonicalSettings settings;
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kObjects, {pg::Argument::ObjectId(table)});
  std::vector<TableObject> objects;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    TableObject found;
    found.id = rows.ObjectId(row, 1).value();
    found.object.kind = rows.Text(row, 2).value();
    found.object.name = rows.Text(row, 3).value();
    found.index = rows.Bool(row, 4).value();
    found.to_itself = rows.Bool(row, 5).value();
    found.shape = rows.Text(row, 6).value();
    found.object.definition = rows.Text(row, 7).value();
    found.columns = rows.TextArray(row, 8);
    objects.push_back(std::move(found));
  }
  return objects;
}

std::vector<catalog::SourceObject> Definitions(const std::vector<TableObject>& objects) {
  std::vector<catalog::SourceObject> definitions;
  for (const TableObject& found : objects)
    definitions.push_back(found.object);
  return definitions;
}

}  // namespace pg_cutover::link
