/* command.h - the commands of varve, one command_*.c each. */
#ifndef VARVE_TOOLS_COMMAND_H
#define VARVE_TOOLS_COMMAND_H

#include "options.h"

extern const struct command command_scan, command_submit, command_status, command_watch, command_results,
	command_report, command_pause, command_resume, command_cancel, command_drain, command_db, command_keys,
	command_store, command_rematch, command_history, command_diff, command_top, command_where;

#endif
