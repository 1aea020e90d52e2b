// Errors under every wrapper of src/pg. See debug_boundary.hpp and test/t/001_boundary.pl.
#ifdef PG_CUTOVER_DEBUG_POINTS

#include <boost/container/vector.hpp>
#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <optional>
#include <string>

#include "catalog/scope.hpp"
#include "entry/debug_boundary.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
#include "pg/memory.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::entry {

namespace {

constexpr Oid kNoRelation = 1;
constexpr Oid kOtherRole = ROLE_PG_MONITOR;

// Each of these fails in the named way while its wrapper is alive, or, with kind "own", inside the
// wrapper itself.
using Case = void (*)(const std::string& kind);

void Relation(const std::string& kind) {
  const pg::OpenRelation outer(RelationRelationId, AccessShareLock);
  const pg::OpenRelation relation(kind == "own" ? kNoRelation : TypeRelationId, AccessShareLock);
  Fail(kind);
}

void MovedRelation(const std::string& kind) {
  pg::OpenRelation first(RelationRelationId, AccessShareLock);
  const pg::OpenRelation second(std::move(first));
  Fail(kind);
}

void Registered(const std::string& kind) {
  const pg::RegisteredSnapshot snapshot;
  Fail(kind);
}

void Active(const std::string& kind) {
  const pg::ActiveSnapshot snapshot;
  Fail(kind);
}

void SlotCase(const std::string& kind) {
  const pg::OpenRelation relation(RelationRelationId, AccessShareLock);
  const pg::Slot slot(relation.descriptor(), &TTSOpsBufferHeapTuple);
  Fail(kind);
}

void Settings(const std::string& kind) {
  pg::GucScope settings;
  settings.Set("search_path", "pg_temp");
  settings.Set("work_mem", kind == "own" ? "many" : "1234kB");
  Fail(kind);
}

void User(const std::string& kind) {
  const pg::UserScope user(kOtherRole, SECURITY_RESTRICTED_OPERATION);
  const pg::UserScope inner(ROLE_PG_READ_ALL_DATA, 0);
  Fail(kind);
}

void Memory(const std::string& kind) {
  const pg::OwnedContext context(TopMemoryContext, "pg_cutover boundary test");
  const pg::MemoryScope scope(context.get());
  // A big block, so that a context that is not deleted shows.
  if (kind == "own") pg::Call(palloc, std::numeric_limits<Size>::max());
  pg::Call(palloc, Size{64 * 1024});
  Fail(kind);
}

void Container(const std::string& kind) {
  const pg::OwnedContext context(CurrentMemoryContext, "pg_cutover boundary test");
  using Values = boost::container::vector<int64_t, pg::Allocator<int64_t>>;
  Values values{pg::Allocator<int64_t>(context.get())};
  for (int64_t i = 0; i < 100; ++i) values.push_back(i);
  if (kind == "own") values.reserve(std::numeric_limits<int64_t>::max() / 32);
  Fail(kind);
}

void SpiCase(const std::string& kind) {
  pg::GucScope settings;
  settings.Set("search_path", "pg_catalog");
  pg::Spi spi;
  (void)spi.Execute("SELECT pg_catalog.set_config('search_path', 'pg_temp', true)");
  if (kind == "own") (void)spi.Execute("SELECT 1 / $1", {pg::Argument::Int4(0)});
  Fail(kind);
}

void RowsCase(const std::string& kind) {
  pg::Spi outer;
  pg::Spi spi;
  const pg::Rows rows =
      spi.Query("SELECT ARRAY['a', NULL], $1 FROM pg_catalog.generate_series(1, 3)",
                {pg::Argument::Text("text")});
  const std::optional<std::string> text = rows.Text(0, 2);
  if (kind == "own") (void)rows.TextArray(0, 1);
  Fail(kind);
}

void Catalog(const std::string& kind) {
  catalog::Scope scope;
  (void)scope.Execute("SELECT 1 FROM migrate.link");
  if (kind == "own") (void)scope.Execute("SELECT 1 FROM migrate.missing");
  Fail(kind);
}

void CallCase(const std::string& kind) {
  if (kind == "own") (void)pg::Call(relation_open, kNoRelation, LOCKMODE{AccessShareLock});
  (void)pg::Call(get_rel_name, Oid{RelationRelationId});
  Fail(kind);
}

// The failure happens inside the guard: a PostgreSQL error, or a C++ exception on its way through.
void SectionCase(const std::string& kind) {
  const char* const text = kind.c_str();
  pg::Section([=] {
    MemoryContextSwitchTo(TopMemoryContext);
    if (std::strcmp(text, "own") == 0) elog(ERROR, "boundary: section");
    Fail(text);
  });
}

// pg_cutover.debug_points says how.
void Point(const std::string& kind) {
  pg::DebugPoint("boundary");
  Fail(kind);
}

// A subtransaction inside the one that the loop opens, itself not the first to fail here.
// A subtransaction inside the one that the loop opens, itself not the first to fail here. The relation
// outside of them outlives both.
void Subtransaction(const std::string& kind) {
  const pg::OpenRelation survivor(RelationRelationId, AccessShareLock);
  pg::GucScope settings;
  settings.Set("work_mem", "555kB");
  pg::Spi spi;
  if (!pg::TryInSubtransaction([] { PostgresError(); })) return;
  if (pg::TryInSubtransaction([] { (void)pg::Spi().Execute("SET LOCAL work_mem = 777"); })) return;
  const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
    const Counted object;
    Relation(kind);
  });
  (void)spi.Query("SELECT 1");
  if (failure) throw pg::Error(failure->info());
}

// What destructors do while another error is on its way past them: fail on their own and get over it. The
// error on its way has to arrive unharmed.
class FailsQuietly {
 public:
  ~FailsQuietly() {
    pg::ReleaseQuietly(pg::UnwindProbe(), [] { elog(ERROR, "boundary: in a release"); });
  }
};

class FailsInEntry {
 public:
  ~FailsInEntry() {
    pg::EnterNoError([] {
      const Counted object;
      PostgresError();
    });
  }
};

class FailsInSubtransaction {
 public:
  ~FailsInSubtransaction() {
    const std::optional<pg::Error> failure = pg::TryInSubtransaction([] {
      pg::Spi spi;
      const Counted object;
      (void)spi.Execute("SELECT 1 / 0");
    });
    // Its own next attempt works, in the middle of the unwinding.
    if (pg::TryInSubtransaction([] { (void)pg::Spi().Execute("SELECT 1"); }) || !failure)
      pg::Log("boundary worker: live=1, a subtransaction failed while unwinding");
  }
};

template <class Object>
void Destructor(const std::string& kind) {
  const Object object;
  const Counted counted;
  if (kind == "own") (void)pg::Spi().Execute("SELECT 1 / 0");
  Fail(kind);
}

struct NamedCase {
  const char* name;
  Case run;
};

constexpr NamedCase kCases[] = {{"relation", Relation},
                                {"moved_relation", MovedRelation},
                                {"registered_snapshot", Registered},
                                {"active_snapshot", Active},
                                {"slot", SlotCase},
                                {"guc", Settings},
                                {"user", User},
                                {"memory", Memory},
                                {"container", Container},
                                {"spi", SpiCase},
                                {"rows", RowsCase},
                                {"catalog", Catalog},
                                {"call", CallCase},
                                {"section", SectionCase},
                                {"debug_point", Point},
                                {"subtransaction", Subtransaction},
                                {"destructor_release", Destructor<FailsQuietly>},
                                {"destructor_entry", Destructor<FailsInEntry>},
                                {"destructor_subtransaction", Destructor<FailsInSubtransaction>}};

Case FindCase(const std::string& name) {
  for (const NamedCase& candidate : kCases)
    if (name == candidate.name) return candidate.run;
  pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("no such wrapper: {}", name));
}

// What a failure must leave as it was.
struct Surroundings {
  Oid user = InvalidOid;
  int security = 0;
  std::string search_path = namespace_search_path;
  int memory = work_mem;
  MemoryContext context = CurrentMemoryContext;
  ResourceOwner owner = CurrentResourceOwner;
  int level = GetCurrentTransactionNestLevel();

  Surroundings() { GetUserIdAndSecContext(&user, &security); }
  bool operator==(const Surroundings&) const = default;
};

}  // namespace

}  // namespace pg_cutover::entry

// (wrapper, kind, iterations): "failed=N live=N restored=N state=SQLSTATE|message|detail|hint".
PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_wrapper) {
  using pg_cutover::entry::Counted;
  using pg_cutover::entry::LiveObjects;
  using pg_cutover::entry::Surroundings;
  using pg_cutover::entry::TextArgument;
  namespace pg = pg_cutover::pg;
  const auto run = pg_cutover::entry::FindCase(TextArgument(fcinfo, 0));
  const std::string kind = TextArgument(fcinfo, 1);
  const int32 iterations = PG_GETARG_INT32(2);
  int64_t failed = 0;
  int64_t restored = 0;
  std::string last;
  for (int32 i = 0; i < iterations; ++i) {
    const Surroundings before;
    const pg::OwnedContext context(CurrentMemoryContext, "pg_cutover boundary iteration");
    const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
      const pg::MemoryScope memory(context.get());
      const Counted object;
      run(kind);
    });
    if (failure) {
      if (failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw pg::Error(failure->info());
      ++failed;
      last = fmt::format("{}|{}|{}|{}", pg::SqlStateText(failure->sqlstate()),
                         failure->info().message, failure->info().detail, failure->info().hint);
    }
    restored += before == Surroundings() ? 1 : 0;
  }
  return pg::MakeText(fmt::format("failed={} live={} restored={} state={}", failed, LiveObjects(),
                                  restored, last));
}

#endif
