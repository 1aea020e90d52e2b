// The life of a job's worker.
//
//   connect    as the job's login role; where that cannot be, the worker goes for good, and whoever
//              passes by next finds out why (recover.hpp)
//   lock       the leader takes the job's lock, or leaves: somebody else has the job; then it waits
//              until the helpers of a former leader are gone (team.hpp). A helper joins the team
//   admit      reads the job; pins the session's settings; looks at the rights; acts as the
//              effective role; queued -> running
//   run        the kind's body
//   end        running -> succeeded, or failed with the error in all its parts; the state is left
//              alone when somebody else has changed it meanwhile, or the extension is gone
//   pass by    other jobs may have waited for a slot. This worker still occupies its own, so it
//              takes one of the same login role on itself; the others wait for the next one to pass
//              by
//
// Leaving by exit code 0 ends the worker's registration. Terminated or crashed it is started again
// by the postmaster and comes to a job that is still running: the body continues from the cursor.
// An error never ends the worker in this way, or it would come back every five seconds to fail
// again.
#pragma once

namespace pg_cutover::job {

// Bodies of the background workers' main functions.
void RunJobWorker();
void RunScout();

}  // namespace pg_cutover::job
