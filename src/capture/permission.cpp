// Who may write to a mirror in spite of its guard; see permission.hpp.
#include "capture/permission.hpp"

namespace pg_cutover::capture {

namespace {

int depth = 0;

}  // namespace

DirectWrites::DirectWrites() {
  ++depth;
}
DirectWrites::~DirectWrites() {
  --depth;
}
bool DirectWrites::Allowed() {
  return depth > 0;
}

}  // namespace pg_cutover::capture
