/* advisory_update.h - downloads <from>/<Ecosystem>/all.zip, as osv.dev publishes them, and imports what has changed.
 *
 * Each archive is asked for with the ETag of the copy that was imported before, and resumed after a cut. An ecosystem that
 * cannot be downloaded keeps what the current generation has of it; the others go on. Blocks. */
#ifndef VARVE_MATCH_ADVISORY_UPDATE_H
#define VARVE_MATCH_ADVISORY_UPDATE_H

#include "match/advisory_import.h"

#define ADVISORY_UPDATE_FROM "https://osv-vulnerabilities.storage.googleapis.com"

struct advisory_update_request {
	const char *from; /* NULL = ADVISORY_UPDATE_FROM */
	const char *const *
		ecosystems; /* OSV names without suffix; none: those imported from there before, else all distributions */
	size_t      ecosystems_count;
	bool        tls_insecure;
	const char *ca_pem; /* PEM text beside the system's certificates; may be NULL */
	void (*failed)(void *data, const char *ecosystem, const char *why); /* may be NULL; data is the watch's */
};

struct advisory_update_result {
	struct advisory_import_result import;                     /* empty when nothing has changed */
	unsigned                      changed, unchanged, failed; /* ecosystems */
	uint64_t                      bytes_fetched;
};

/* ERR_NET and the like only when no ecosystem at all could be asked; ERR_BUSY, ERR_FULL, ERR_STORE … as the import. */
int advisory_update(const char *dir, const struct advisory_update_request *request, const struct advisory_watch *watch,
		    struct advisory_update_result *result, struct err *err);

#endif
