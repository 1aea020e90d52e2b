// Which row an error is about; see diagnose.hpp.
#include <fmt/format.h>

#include "copy/diagnose.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

pg::Error Annotated(const Plan& plan, const std::string& row, const pg::Error& error) {
  pg::ErrorInfo info = error.info();
  const std::string where = fmt::format("Source row {}.", row);
  info.detail = info.detail.empty() ? where : fmt::format("{} {}", info.detail, where);
  if (info.hint.empty())
    info.hint = fmt::format(
        "What was copied stays. Mend the cause, then SELECT migrate_resume({}).", plan.job);
  return pg::Error(std::move(info));
}

std::string PlaceText(const ItemPointerData& row) {
  return fmt::format("at ({},{})", ItemPointerGetBlockNumberNoCheck(&row),
                     ItemPointerGetOffsetNumberNoCheck(&row));
}

}  // namespace

std::string KeyText(const std::vector<std::string>& columns,
                    const std::vector<std::string>& values) {
  return fmt::format("({}) = ({})", fmt::join(columns, ", "), fmt::join(values, ", "));
}

pg::Error WithRow(job::Session& session, const Plan& plan, const Failing& failing,
                  const pg::Error& error) {
  if (!OidIsValid(failing.relation) || !ItemPointerIsValid(&failing.row)) return error;
  const std::string relation = session.InStep([&] { return pg::QualifiedName(failing.relation); });
  std::vector<std::string> key;
  try {
    key = session.InStep([&]() -> std::vector<std::string> {
      std::vector<std::string> columns;
      for (const std::string& column : plan.link.source_key)
        columns.push_back(pg::QuoteIdentifier(column) + "::text");
      pg::Spi spi;
      const pg::Rows rows = spi.Query(fmt::format(
          "SELECT {} FROM ONLY {} WHERE ctid = '({},{})'", fmt::join(columns, ", "), relation,
          ItemPointerGetBlockNumberNoCheck(&failing.row),
          ItemPointerGetOffsetNumberNoCheck(&failing.row)));
      std::vector<std::string> values;
      for (size_t i = 0; i < columns.size() && !rows.empty(); ++i)
        values.push_back(rows.Text(0, static_cast<int>(i) + 1).value_or("null"));
      return values;
    });
  } catch (const pg::Error&) {
    // The key cannot be read (any more): its place still names the row.
  }
  const std::string row =
      key.empty() ? PlaceText(failing.row) : KeyText(plan.link.source_key, key);
  return Annotated(plan, fmt::format("{} of {}", row, relation), error);
}

pg::Error WithKey(const Plan& plan, const std::vector<std::string>& columns,
                  const std::vector<std::string>& key, const pg::Error& error) {
  if (key.empty()) return error;
  return Annotated(plan,
                   fmt::format("{} of {}", KeyText(columns, key), plan.source_name),
                   error);
}

}  // namespace pg_cutover::copy
