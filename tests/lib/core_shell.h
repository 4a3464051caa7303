/* core_shell.h - a shell around the broker's core without I/O: answers claims and fetches at once, remembers what was sent, and checks
 * after each step what must always hold. Every failure is a failed test. */
#ifndef VARVE_TESTS_LIB_CORE_SHELL_H
#define VARVE_TESTS_LIB_CORE_SHELL_H

#include "core.h"

enum { ACTIONS_MAX = 4096, REFERENCES_MAX = 16384, SET = 7 };

/* A reference as the catalog has it. */
struct shell_reference {
	uint64_t            job, number;
	enum core_task_kind kind;
	char                host[32];
};

struct shell {
	struct core        *core;
	uint64_t            now;
	struct core_action  sent[ACTIONS_MAX]; /* SEND_TASK, in order */
	size_t              sent_count;
	struct core_outcome outcomes[ACTIONS_MAX][4]; /* of finished images */
	char                reasons[ACTIONS_MAX][128];
	size_t          images_done, references_done, references_failed, jobs_done, retries, releases, failures, drops;
	enum core_claim answer;
	bool            verify;
	size_t          claims;
	struct shell_reference stored[REFERENCES_MAX]; /* the catalog's references, in the order of their numbers */
	size_t                 stored_count, fetches, job_layers, quarantines, workers_drained, drained;
	enum core_retry_reason last_reason;
	size_t                 starts, lates, retried[CORE_RETRY_REASONS];
	bool                   last_force; /* of the last CLAIM */
	bool                   here;       /* what quarantined answers say */
};

void shell_feed(struct shell *shell, const struct core_event *event);
void shell_tick(struct shell *shell, uint64_t ms);
void shell_open(struct shell *shell, const struct core_config *config);
void shell_worker(struct shell *shell, uint64_t id, uint32_t slots);
void shell_job(struct shell *shell, uint64_t id, uint32_t priority);
void shell_reference(struct shell *shell, uint64_t job_id, uint64_t number, const char *host);
void shell_closed(struct shell *shell, uint64_t job_id);

/* An image whose layers are single letters: equal letters are equal layers, 'a' is larger than 'b'. */
void shell_image(struct shell *shell, uint64_t job_id, uint64_t number, const char *letters, const char *host,
		 const char *repository);
/* A worker that reaches one host only. */
void shell_worker_for(struct shell *shell, uint64_t id, uint32_t slots, const char *host);
void shell_references(struct shell *shell, uint64_t job_id, uint64_t from, size_t count, const char *host);
void shell_job_event(struct shell *shell, enum core_event_kind kind, uint64_t job_id);
void shell_worker_event(struct shell *shell, enum core_event_kind kind, uint64_t worker);

/* PROGRESS, BACK or HELLO with all leases that the worker holds. */
void shell_holds(struct shell *shell, enum core_event_kind kind, uint64_t worker, const uint64_t *leases,
		 const uint64_t *bytes, size_t count);

/* The newest lease of a layer letter, of a reference; 0 = none. How often each was sent. */
uint64_t shell_lease_of(const struct shell *shell, char letter);
uint64_t shell_lease_of_reference(const struct shell *shell, uint64_t job_id, uint64_t number);
size_t   shell_sends_of(const struct shell *shell, char letter);
size_t   shell_sends_of_job(const struct shell *shell, uint64_t job_id);

/* One job, one worker of 8 slots, one reference that is resolved to an image of these layers. */
void shell_one_image(struct shell *shell, const struct core_config *config, const char *letters);
void shell_done(struct shell *shell, uint64_t lease);
void shell_failed(struct shell *shell, uint64_t lease, enum core_fail_class fail_class, int code);

#endif
