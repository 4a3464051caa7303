#include "exit_status.h"

#include "base/err.h"

static int rank(enum exit_status status)
{
	static const int ranks[] = {[EXIT_STATUS_DONE] = 0,
				    [EXIT_STATUS_INCOMPLETE] = 1,
				    [EXIT_STATUS_GATE] = 2,
				    [EXIT_STATUS_NOT_RUN] = 3,
				    [EXIT_STATUS_USAGE] = 4};

	return ranks[status];
}

enum exit_status exit_status_worse(enum exit_status a, enum exit_status b)
{
	return rank(a) >= rank(b) ? a : b;
}

enum exit_status exit_status_of_error(int code)
{
	return code == ERR_USAGE || code == ERR_CONFIG ? EXIT_STATUS_USAGE : EXIT_STATUS_NOT_RUN;
}
