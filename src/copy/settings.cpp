// Settings of copy transactions; see settings.hpp.
#include "copy/settings.hpp"

#include "pg/call.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::copy {

namespace {

void SetCommit(const char* mode) {
  pg::Section([=] {
    (void)set_config_option("synchronous_commit", mode, PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_LOCAL, true, 0, false);
  });
}

}  // namespace

void UseAsynchronousCommit() { SetCommit("off"); }

void UseSynchronousCommit() { SetCommit("on"); }

}  // namespace pg_cutover::copy
