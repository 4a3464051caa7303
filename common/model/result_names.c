#include "model/result.h"

const char *severity_name(enum severity severity)
{
	static const char *const names[SEVERITY_COUNT] = {"unknown", "negligible", "none",    "low",
							  "medium",  "high",       "critical"};

	return (unsigned)severity < SEVERITY_COUNT ? names[severity] : "unknown";
}

const char *coverage_name(enum coverage_state state)
{
	static const char *const names[] = {"matched", "no_advisory_source", "unknown_os", "eol", "no_packages"};

	return (unsigned)state < sizeof(names) / sizeof(*names) ? names[state] : "no_advisory_source";
}

const char *layer_status_name(enum layer_status status)
{
	static const char *const names[] = {"scanned", "reused", "partial", "failed", "skipped"};

	return (unsigned)status < sizeof(names) / sizeof(*names) ? names[status] : "failed";
}
