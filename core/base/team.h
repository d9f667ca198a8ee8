/* Threads that share the loops of one: a leader works on a trial, and threads that have nothing else to do help it.
 *
 * The leader's loops (nl_parallel_for) are split over whoever helps at that moment. Helpers come in the middle of a
 * training and the split follows who is fast, so a loop's body must write the same numbers however its range is cut: no
 * sum crosses an index.
 */
#ifndef NL_BASE_TEAM_H
#define NL_BASE_TEAM_H

#include <stddef.h>

struct nl_team;

/* For a leader and at most `threads` - 1 helpers. */
struct nl_team *nl_team_new(int threads);
void nl_team_free(struct nl_team *team);

/* The calling thread leads from here to nl_team_end, which sends the helpers away and waits until they are gone. */
void nl_team_begin(struct nl_team *team);
void nl_team_end(struct nl_team *team);

/* The calling thread helps until nl_team_end; returns at once where nobody leads or the team is full. Idle, it
 * sleeps. */
void nl_team_help(struct nl_team *team);

/* One more than the largest `thread` that a loop of the caller may see: 1 where it does not lead. */
int nl_team_threads(void);

/* Calls body on ranges [first, end) that cover [0, count), each index once, and returns when all are done. `thread` is
 * the caller of body: 0 the leader, who has no range of less than `grain` indices done by others: a loop of less than
 * two grains is its alone. A loop inside a loop is not split. */
typedef void nl_parallel_body(void *context, size_t first, size_t end, int thread);
void nl_parallel_for(size_t count, size_t grain, nl_parallel_body *body, void *context);

#endif
