// Views and rules that read the live table; see dependents.hpp.
//
// A view is replaced in place where its columns keep their types: whatever depends on it notices
// nothing. Where it reads a column of another type it has to be dropped and made again, and with it
// every view over it. Nothing is dropped with CASCADE: what else depends on such a view is a
// refusal.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "swap/dependents.hpp"

#include "link/expression.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/readers.hpp"
#include "swap/view_statements.hpp"

namespace pg_cutover::swap {

namespace {

constexpr const char* kAgain = "Drop it before the swap and create it again afterwards.";

// Views and materialized views whose query reads a relation.
constexpr const char* kViewsOver =
    "SELECT c.oid, min(r.oid::int8)::oid, c.relkind = 'm', c.relpersistence = 't', "
    "  pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner)::text, "
    "  has_schema_privilege(c.relnamespace, 'CREATE'), c.relnamespace::regnamespace::text, "
    "  (SELECT e.extname::text FROM pg_depend x JOIN pg_extension e ON e.oid = x.refobjid "
    "   WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e' "
    "   AND x.refclassid = 'pg_extension'::regclass) "
    "FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = r.ev_class "
    "WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass "
    "AND d.refobjid = $1 AND r.ev_type = '1' AND c.relkind IN ('v', 'm') AND c.oid <> $1 "
    "GROUP BY c.oid ORDER BY c.oid";

// Rules that users made and that read a relation, of others than itself.
constexpr const char* kRulesOver =
    "SELECT DISTINCT r.oid, r.ev_class, pg_describe_object('pg_rewrite'::regclass, r.oid, 0) "
    "FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
    "WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass "
    "AND d.refobjid = $1 AND r.ev_type <> '1' AND r.ev_class <> $1 ORDER BY 1";

// What depends on a view or its row type beside its own parts ($2: views that go with it).
constexpr const char* kUsersOfView =
    "SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d "
    "LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid "
    "LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid "
    "LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid "
    "LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid "
    "WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 "
    "  OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT unnest(ARRAY[y.oid, "
    "    y.typarray]) FROM pg_type y WHERE y.typrelid = $1)) "
    "AND NOT coalesce(r.ev_class = ANY ($2::text[]::oid[]), false) "
    "AND NOT coalesce(r.ev_type = '1' AND d.refclassid = 'pg_class'::regclass, false) "
    "AND NOT coalesce(g.tgrelid = $1 OR f.adrelid = $1, false) "
    "AND NOT coalesce(t.typrelid = $1 OR t.oid IN (SELECT y.typarray FROM pg_type y "
    "  WHERE y.typrelid = $1), false) "
    "AND NOT (d.classid = 'pg_class'::regclass AND d.objid = ANY ($2::text[]::oid[])) ORDER BY 1";

struct View {
  Oid oid = InvalidOid;
  Oid query = InvalidOid;  // its rule _RETURN
  bool materialized = false;
  bool temporary = false;
  bool owned = false;
  std::string owner;
  bool may_create = false;
  std::string schema;
  std::optional<std::string> extension;

  std::string Name() const {
    return (materialized ? "materialized view " : "view ") + pg::QualifiedName(oid);
  }
};

std::vector<View> ViewsOver(Oid relation) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kViewsOver, {pg::Argument::ObjectId(relation)});
  std::vector<View> views;
  for (uint64_t row = 0; row < rows.size(); ++row)
    views.push_back({rows.ObjectId(row, 1).value(), rows.ObjectId(row, 2).value(),
                     rows.Bool(row, 3).value(), rows.Bool(row, 4).value(),
                     rows.Bool(row, 5).value(), rows.Text(row, 6).value(),
                     rows.Bool(row, 7).value(), rows.Text(row, 8).value(), rows.Text(row, 9)});
  return views;
}

bool Contains(const std::vector<View>& views, Oid oid) {
  return std::any_of(views.begin(), views.end(), [=](const View& view) { return view.oid == oid; });
}

class ViewCarrier {
 public:
  ViewCarrier(const Pair& pair, bool deparsed, Dependents* dependents)
      : pair_(pair), columns_(pair, deparsed), deparsed_(deparsed), dependents_(dependents) {}

  void Run() {
    for (const View& view : ViewsOver(pair_.live))
      AddReader(view);
    for (const View& view : retyped_)
      Descend(view);
    CheckRetyped();
    for (const View& view : replaced_)
      Carry(view);
    // The last one found first is read by those before it.
    for (auto view = made_.rbegin(); view != made_.rend(); ++view)
      Carry(*view);
    AddRules();
    if (deparsed_ && dependents_->refusals.size() == refusals_before_) Write();
  }

 private:
  void Refuse(const std::string& object, std::string reason, std::string hint = kAgain) {
    dependents_->refusals.push_back({object, std::move(reason), std::move(hint)});
  }

  void Carry(const View& view) {
    dependents_->carried.push_back(view.Name());
    dependents_->lock.push_back(view.oid);
  }

  // False: it cannot be touched, and why has been said.
  bool MayChange(const View& view) {
    const size_t before = dependents_->refusals.size();
    if (view.materialized)
      Refuse(view.Name(), "it is a materialized view");
    else if (view.temporary)
      Refuse(view.Name(), "it is a temporary view of a session", "Drop it, or end that session.");
    if (view.extension)
      Refuse(
          view.Name(), fmt::format("it belongs to extension {}", *view.extension),
          fmt::format("ALTER EXTENSION {} DROP {} before the swap.", *view.extension, view.Name()));
    if (!view.owned)
      Refuse(view.Name(),
             fmt::format("it belongs to role {}, of which {} is no member", view.owner,
                         pg::RoleName(GetUserId())),
             "Have the swap made by a role that is a member of its owner, or a superuser.");
    else if (!view.may_create)
      Refuse(view.Name(),
             fmt::format("{} may not create in schema {}", pg::RoleName(GetUserId()), view.schema),
             fmt::format("GRANT CREATE ON SCHEMA {} TO {}.", view.schema,
                         pg::QuoteIdentifier(pg::RoleName(GetUserId()))));
    return dependents_->refusals.size() == before;
  }

  // Says whatever stands in its way.
  bool MayRead(const View& view) {
    const bool may_change = MayChange(view);
    if (view.materialized) return false;
    std::vector<std::string> reasons = columns_.Obstacles({"pg_rewrite", view.query});
    std::string statement = ReplaceViewStatement(view.oid);
    if (!columns_.Reorder(&statement)) reasons.push_back(kPositions);
    for (const std::string& reason : reasons)
      Refuse(view.Name(), reason);
    return may_change && reasons.empty();
  }

  // A view that reads the live table itself.
  void AddReader(const View& view) {
    const bool possible = MayRead(view);
    checked_.emplace(view.oid, possible);
    if (!possible) return;
    const bool retyped = columns_.ReadsRetyped({"pg_rewrite", view.query});
    (retyped ? retyped_ : replaced_).push_back(view);
  }

  // Depth first: a view is listed behind all that read it.
  void Descend(const View& view) {
    if (!visited_.insert(view.oid).second) return;
    for (const View& reader : ViewsOver(view.oid)) {
      auto known = checked_.find(reader.oid);
      if (known == checked_.end()) known = checked_.emplace(reader.oid, MayRead(reader)).first;
      if (known->second) Descend(reader);
    }
    made_.push_back(view);
  }

  // Views that go because others go are not replaced besides; each is checked for what would be
  // lost.
  void CheckRetyped() {
    std::vector<std::string> oids;
    for (const View& view : made_)
      oids.push_back(fmt::format("{}", view.oid));
    const auto is_made = [&](const View& view) { return Contains(made_, view.oid); };
    replaced_.erase(std::remove_if(replaced_.begin(), replaced_.end(), is_made), replaced_.end());
    for (const View& view : made_) {
      for (std::string& reason : ObstaclesToMaking(view.oid))
        Refuse(view.Name(),
               fmt::format("it has to be made again, as a column's type changes, and {}", reason));
      pg::Spi spi;
      const pg::Rows users = spi.Execute(
          kUsersOfView, {pg::Argument::ObjectId(view.oid), pg::Argument::TextArray(oids)});
      for (uint64_t row = 0; row < users.size(); ++row)
        Refuse(
            users.Text(row, 1).value(),
            fmt::format("it depends on {}, which has to be made again, as a column's type changes",
                        view.Name()));
    }
  }

  void AddRules() {
    pg::Spi spi;
    const pg::Rows rows = spi.Execute(kRulesOver, {pg::Argument::ObjectId(pair_.live)});
    for (uint64_t row = 0; row < rows.size(); ++row) {
      const Oid rule = rows.ObjectId(row, 1).value();
      const Oid of = rows.ObjectId(row, 2).value();
      const std::string name = rows.Text(row, 3).value();
      const bool made = Contains(made_, of);
      if (!made && !Contains(replaced_, of)) {
        Refuse(name, fmt::format("it reads {}", pair_.Live()));
        continue;
      }
      for (std::string& reason : columns_.Obstacles({"pg_rewrite", rule}))
        Refuse(name, std::move(reason));
      std::string statement = ReplaceRuleStatement(rule);
      if (!columns_.Reorder(&statement)) Refuse(name, kPositions);
      dependents_->carried.push_back(name);
      if (!made) rules_.push_back(rule);
    }
    // Made again from text, which would not find the mirror by the name it has now.
    const pg::Rows others = spi.Execute(kRulesOver, {pg::Argument::ObjectId(pair_.mirror)});
    for (uint64_t row = 0; row < others.size(); ++row)
      if (Contains(made_, others.ObjectId(row, 2).value()))
        Refuse(
            others.Text(row, 3).value(),
            fmt::format("it uses {} and belongs to a view that has to be made again, as a column's "
                        "type changes",
                        pair_.Mirror()));
  }

  void Write() {
    std::string list;
    for (const View& view : made_)
      list += (list.empty() ? "" : ", ") + pg::QualifiedName(view.oid);
    if (!list.empty()) dependents_->before.push_back("DROP VIEW " + list);
    for (const View& view : replaced_)
      WriteAfter(ReplaceViewStatement(view.oid));
    for (auto view = made_.rbegin(); view != made_.rend(); ++view)
      for (std::string& statement : MakeViewStatements(view->oid))
        WriteAfter(std::move(statement));
    // Rules may read any of the views above.
    for (const Oid rule : rules_)
      WriteAfter(ReplaceRuleStatement(rule));
    for (auto view = made_.rbegin(); view != made_.rend(); ++view)
      for (std::string& statement : MakeRuleStatements(view->oid))
        WriteAfter(std::move(statement));
  }

  // What could not be reordered has been refused.
  void WriteAfter(std::string statement) {
    (void)columns_.Reorder(&statement);
    dependents_->after.push_back(std::move(statement));
  }

  const Pair& pair_;
  const LiveColumns columns_;
  const bool deparsed_;
  Dependents* const dependents_;
  const size_t refusals_before_ = dependents_->refusals.size();
  // Read the live table: replaced in place, or made again.
  std::vector<View> replaced_;
  std::vector<View> retyped_;
  // Made again, those that read others first.
  std::vector<View> made_;
  // Of views that are replaced.
  std::vector<Oid> rules_;
  std::map<Oid, bool> checked_;
  std::set<Oid> visited_;
};

}  // namespace

void AddViews(const Pair& pair, bool deparsed, Dependents* dependents) {
  const link::CanonicalSettings settings;
  ViewCarrier(pair, deparsed, dependents).Run();
}

}  // namespace pg_cutover::swap
