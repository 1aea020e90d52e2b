// Rows of links that are kept in step; see capture_rows.hpp.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "catalog/capture_rows.hpp"
#include "catalog/scope.hpp"

namespace pg_cutover::catalog {

namespace {

using pg::Argument;

constexpr std::array<std::pair<RejectPolicy, const char*>, 3> kPolicies{
    {{RejectPolicy::kFail, "fail"},
     {RejectPolicy::kSuspend, "suspend"},
     {RejectPolicy::kRecord, "record"}}};

RejectPolicy PolicyFrom(const std::optional<std::string>& name) {
  const std::optional<RejectPolicy> policy = RejectPolicyFromName(name.value_or(""));
  if (!policy)
    pg::Raise(ERRCODE_DATA_CORRUPTED,
              fmt::format("unknown policy \"{}\" in migrate.capture", name.value_or("")));
  return *policy;
}

// Numbers as text: an array of oid or xid has no C++ counterpart here.
std::vector<uint32_t> Numbers(const std::vector<std::string>& texts) {
  std::vector<uint32_t> numbers;
  for (const std::string& text : texts)
    numbers.push_back(static_cast<uint32_t>(std::stoul(text)));
  return numbers;
}

std::vector<std::string> Texts(const std::vector<uint32_t>& numbers) {
  std::vector<std::string> texts;
  for (const uint32_t number : numbers) texts.push_back(std::to_string(number));
  return texts;
}

Argument Xid8(uint64_t value) { return Argument::Text(std::to_string(value)); }

// Columns 1 to 5: policy, boundary, complete_xid, broken, rejected rows.
CaptureRow RowFrom(const pg::Rows& rows, int64_t link) {
  CaptureRow row;
  row.link = link;
  row.policy = PolicyFrom(rows.Text(0, 1));
  row.boundary = std::stoull(rows.Text(0, 2).value());
  if (const std::optional<std::string> xid = rows.Text(0, 3)) row.complete_xid = std::stoull(*xid);
  row.broken = rows.Text(0, 4);
  row.rejected_rows = rows.Int8(0, 5).value();
  return row;
}

}  // namespace

std::string RejectPolicyName(RejectPolicy policy) {
  for (const auto& [value, name] : kPolicies)
    if (value == policy) return name;
  return {};
}

std::optional<RejectPolicy> RejectPolicyFromName(const std::string& name) {
  for (const auto& [value, text] : kPolicies)
    if (name == text) return value;
  return std::nullopt;
}

void InsertCapture(int64_t link, RejectPolicy policy, uint64_t boundary) {
  Scope scope;
  scope.Execute("INSERT INTO migrate.capture (link, policy, boundary) VALUES ($1, $2, $3::xid8)",
                {Argument::Int8(link), Argument::Text(RejectPolicyName(policy)), Xid8(boundary)});
}

std::optional<CaptureRow> FindCapture(int64_t link) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT policy, boundary::text, complete_xid::text, broken, "
      "(SELECT count(*) FROM migrate.rejected_row r WHERE r.link = c.link) "
      "FROM migrate.capture c WHERE c.link = $1",
      {Argument::Int8(link)});
  if (rows.empty()) return std::nullopt;
  return RowFrom(rows, link);
}

void SetComplete(int64_t link, uint64_t next_xid) {
  Scope scope;
  scope.Execute(
      "UPDATE migrate.capture SET complete_at = clock_timestamp(), complete_xid = $2::xid8 "
      "WHERE link = $1",
      {Argument::Int8(link), Xid8(next_xid)});
}

void SetBroken(int64_t link, const std::string& reason) {
  Scope scope;
  scope.Execute(
      "UPDATE migrate.capture SET broken = $2, broken_at = clock_timestamp() "
      "WHERE link = $1 AND broken IS NULL",
      {Argument::Int8(link), Argument::Text(reason)});
}

void DeleteCapture(int64_t link) {
  Scope scope;
  scope.Execute("DELETE FROM migrate.rejected_row WHERE link = $1", {Argument::Int8(link)});
  scope.Execute("DELETE FROM migrate.capture WHERE link = $1", {Argument::Int8(link)});
}

void InsertCapturePart(int64_t link, const CapturePart& part) {
  Scope scope;
  scope.Execute(
      "INSERT INTO migrate.capture_part (link, relation, fingerprint, filenode, column_xmins, "
      "triggers, trigger_xmins, vacuum_truncate, toast_vacuum_truncate) "
      "VALUES ($1, $2, $3, $4, $5, $6::oid[], $7::xid[], $8, $9)",
      {Argument::Int8(link), Argument::RegClass(part.relation), Argument::Int8(part.fingerprint),
       Argument::ObjectId(part.filenode), Argument::Int8(part.column_xmins),
       Argument::TextArray(Texts(part.triggers)), Argument::TextArray(Texts(part.trigger_xmins)),
       Argument::Text(part.vacuum_truncate), Argument::Text(part.toast_vacuum_truncate)});
}

std::vector<CapturePart> CaptureParts(int64_t link) {
  const std::optional<CaptureState> state = LoadCapture(link);
  return state ? state->parts : std::vector<CapturePart>{};
}

std::optional<CaptureState> LoadCapture(int64_t link) {
  const pg::LatestSnapshot now;
  Scope scope;
  const pg::Rows rows = scope.Query(
      "SELECT c.policy, c.boundary::text, c.complete_xid::text, c.broken, "
      "(SELECT count(*) FROM migrate.rejected_row r WHERE r.link = c.link), "
      "p.relation::oid, p.fingerprint, p.filenode, p.column_xmins, p.triggers::text[], "
      "p.trigger_xmins::text[], p.vacuum_truncate, p.toast_vacuum_truncate "
      "FROM migrate.capture c LEFT JOIN migrate.capture_part p ON p.link = c.link "
      "WHERE c.link = $1 ORDER BY p.relation::oid",
      {Argument::Int8(link)});
  if (rows.empty()) return std::nullopt;
  CaptureState state;
  state.row = RowFrom(rows, link);
  for (uint64_t row = 0; row < rows.size(); ++row) {
    const std::optional<Oid> relation = rows.ObjectId(row, 6);
    if (!relation) continue;
    state.parts.push_back({*relation, rows.Int8(row, 7).value(), rows.ObjectId(row, 8).value(),
                           rows.Int8(row, 9).value(), Numbers(rows.TextArray(row, 10)),
                           Numbers(rows.TextArray(row, 11)), rows.Text(row, 12),
                           rows.Text(row, 13)});
  }
  return state;
}

std::vector<int64_t> CapturedInto(Oid target) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT c.link FROM migrate.capture c JOIN migrate.link l ON l.id = c.link "
      "WHERE l.target = $1 ORDER BY c.installed_at, c.link",
      {Argument::RegClass(target)});
  std::vector<int64_t> links;
  for (uint64_t row = 0; row < rows.size(); ++row) links.push_back(rows.Int8(row, 1).value());
  return links;
}

void InsertRejectedRow(int64_t link, const std::vector<std::string>& key,
                       const std::string& sqlstate, const std::string& message) {
  Scope scope;
  scope.Execute(
      "INSERT INTO migrate.rejected_row (link, key, sqlstate, message) VALUES ($1, $2, $3, $4)",
      {Argument::Int8(link), Argument::TextArray(key), Argument::Text(sqlstate),
       Argument::Text(message)});
}

std::vector<RejectedRow> RejectedRows(int64_t link, int64_t limit) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT id, key, sqlstate, message FROM migrate.rejected_row WHERE link = $1 "
      "ORDER BY id LIMIT $2",
      {Argument::Int8(link), Argument::Int8(limit)});
  std::vector<RejectedRow> found;
  for (uint64_t row = 0; row < rows.size(); ++row)
    found.push_back({rows.Int8(row, 1).value(), rows.TextArray(row, 2), rows.Text(row, 3).value(),
                     rows.Text(row, 4).value()});
  return found;
}

void DeleteRejectedRow(int64_t id) {
  Scope scope;
  scope.Execute("DELETE FROM migrate.rejected_row WHERE id = $1", {Argument::Int8(id)});
}

std::optional<Mirrored> FindMirrored(int64_t link) {
  Mirrored found;
  std::vector<int64_t> siblings;
  {
    const pg::LatestSnapshot now;
    Scope scope;
    const pg::Rows rows = scope.Query(
        "SELECT c.policy, c.broken IS NOT NULL OR (c.policy = 'suspend' AND EXISTS "
        "(SELECT FROM migrate.rejected_row r WHERE r.link = c.link)), "
        "ARRAY(SELECT s.id::text FROM migrate.link s JOIN migrate.capture k ON k.link = s.id "
        "WHERE s.target = l.target AND s.id <> l.id AND s.owner <> l.owner ORDER BY s.id), "
        "l.owner AND NOT EXISTS (SELECT FROM migrate.link s WHERE s.target = l.target AND s.id <> l.id "
        "AND NOT s.dormant) AND NOT EXISTS (SELECT FROM migrate.link s WHERE s.source_filter IS NOT NULL "
        "AND (s.id = l.id OR (s.source = l.target AND s.target = l.source))), "
        "EXISTS (SELECT FROM migrate.swap w WHERE w.live = l.source AND w.reverse_link = l.id "
        "AND w.ended_at IS NULL) "
        "FROM migrate.capture c JOIN migrate.link l ON l.id = c.link WHERE c.link = $1",
        {Argument::Int8(link)});
    if (rows.empty()) return std::nullopt;
    found.policy = PolicyFrom(rows.Text(0, 1));
    found.suspended = rows.Bool(0, 2).value();
    found.alone = rows.Bool(0, 4).value();
    found.way_back = rows.Bool(0, 5).value();
    for (const std::string& sibling : rows.TextArray(0, 3)) siblings.push_back(std::stoll(sibling));
    found.link = LoadLinkNow(scope, link);
    for (const int64_t sibling : siblings)
      found.siblings.push_back(LoadLinkNow(scope, sibling));
  }
  return found;
}

}  // namespace pg_cutover::catalog
