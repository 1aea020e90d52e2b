// Settings of copy transactions; see settings.hpp.
#include "copy/settings.hpp"

#include "pg/call.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::copy {

void UseAsynchronousCommit() {
  pg::Section([] {
    (void)set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_LOCAL, true, 0, false);
  });
}

}  // namespace pg_cutover::copy
