/* exit_status.h - how a command ends, for scripts and gates (docs/man/varve.1, EXIT STATUS). */
#ifndef VARVE_TOOLS_EXIT_STATUS_H
#define VARVE_TOOLS_EXIT_STATUS_H

enum exit_status {
	EXIT_STATUS_DONE = 0,
	EXIT_STATUS_GATE = 1,       /* the gate failed, or could not be judged */
	EXIT_STATUS_USAGE = 2,      /* usage or configuration */
	EXIT_STATUS_INCOMPLETE = 3, /* done, but some images or layers could not be scanned */
	EXIT_STATUS_NOT_RUN = 4,    /* no broker, store unusable, gate asked for without a database */
};

/* Precedence 2 > 4 > 1 > 3 > 0. */
enum exit_status exit_status_worse(enum exit_status a, enum exit_status b);
enum exit_status exit_status_of_error(int code); /* of a negative ERR_* that ended a command */

#endif
