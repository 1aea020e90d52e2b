// Functions and procedures with SQL-standard bodies that use the live table; see dependents.hpp.
//
// Their bodies are stored parsed and hold on to the table by its OID. Bodies that are text find the
// mirror by its name and are none of our business.
#include <fmt/format.h>

#include "swap/dependents.hpp"

#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/readers.hpp"

namespace pg_cutover::swap {

namespace {

constexpr const char* kFunctions =
    "SELECT p.oid, CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END "
    "  || p.oid::regprocedure, p.prosqlbody IS NOT NULL, "
    "  pg_has_role(p.proowner, 'USAGE'), pg_get_userbyid(p.proowner)::text, "
    "  has_schema_privilege(p.pronamespace, 'CREATE'), p.pronamespace::regnamespace::text, "
    "  has_language_privilege(p.prolang, 'USAGE'), "
    "  (SELECT e.extname::text FROM pg_depend x JOIN pg_extension e ON e.oid = x.refobjid "
    "   WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e' "
    "   AND x.refclassid = 'pg_extension'::regclass), p.proleakproof "
    "FROM pg_proc p WHERE p.oid IN (SELECT d.objid FROM pg_depend d "
    "  WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass "
    "  AND d.refobjid = $1) ORDER BY p.oid";

struct Function {
  Oid oid = InvalidOid;
  std::string name;
  std::vector<std::string> reasons;
};

// What does not depend on columns: kind of body, owner, rights.
Function FunctionOf(const pg::Rows& rows, uint64_t row, const Pair& pair) {
  Function function{rows.ObjectId(row, 1).value(), rows.Text(row, 2).value(), {}};
  const std::string role = pg::RoleName(GetUserId());
  if (!rows.Bool(row, 3).value())
    function.reasons.push_back(fmt::format("the default of an argument names {}", pair.Live()));
  if (!rows.Bool(row, 4).value())
    function.reasons.push_back(fmt::format("it belongs to role {}, of which {} is no member",
                                           rows.Text(row, 5).value(), role));
  else if (!rows.Bool(row, 6).value())
    function.reasons.push_back(
        fmt::format("{} may not create in schema {}", role, rows.Text(row, 7).value()));
  else if (!rows.Bool(row, 8).value())
    function.reasons.push_back(fmt::format("{} may not use language sql", role));
  if (rows.Bool(row, 10).value() && !pg::Call(superuser))
    function.reasons.push_back("it is leakproof, which only a superuser can make a function");
  if (const auto extension = rows.Text(row, 9))
    function.reasons.push_back(fmt::format("it belongs to extension {}", *extension));
  return function;
}

// The new definition keeps everything but this.
constexpr const char* kExtensions =
    "SELECT format('ALTER %s %s DEPENDS ON EXTENSION %I', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' "
    "  ELSE 'FUNCTION' END, p.oid::regprocedure, e.extname) "
    "FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid "
    "JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid "
    "WHERE p.oid = $1 AND d.deptype = 'x' ORDER BY e.extname";

std::string Definition(Oid function) {
  pg::Spi spi;
  return spi.Execute("SELECT pg_get_functiondef($1)", {pg::Argument::ObjectId(function)})
      .Text(0, 1)
      .value();
}

}  // namespace

void AddFunctions(const Pair& pair, bool deparsed, Dependents* dependents) {
  const link::CanonicalSettings settings;
  const LiveColumns columns(pair, deparsed);
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kFunctions, {pg::Argument::ObjectId(pair.live)});
  for (uint64_t row = 0; row < rows.size(); ++row) {
    Function function = FunctionOf(rows, row, pair);
    for (std::string& reason : columns.Obstacles({"pg_proc", function.oid}))
      function.reasons.push_back(std::move(reason));
    std::string definition = Definition(function.oid);
    if (!columns.Reorder(&definition)) function.reasons.push_back(kPositions);
    for (std::string& reason : function.reasons)
      dependents->refusals.push_back({function.name, std::move(reason),
                                      "Drop it before the swap and create it again afterwards, or "
                                      "give it a body that is text."});
    if (!function.reasons.empty()) continue;
    dependents->carried.push_back(function.name);
    if (!deparsed) continue;
    dependents->after.push_back(definition);
    const pg::Rows again = spi.Execute(kExtensions, {pg::Argument::ObjectId(function.oid)});
    for (uint64_t statement = 0; statement < again.size(); ++statement)
      dependents->after.push_back(again.Text(statement, 1).value());
  }
}

}  // namespace pg_cutover::swap
