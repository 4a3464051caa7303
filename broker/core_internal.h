/* core_internal.h - the nodes of the broker core, shared by its files; nobody else includes it. */
#ifndef VARVE_BROKER_CORE_INTERNAL_H
#define VARVE_BROKER_CORE_INTERNAL_H

#include "base/map.h"
#include "base/rng.h"
#include "core.h"
#include "core_hashes.h"
#include "heap.h"

enum { DENIED_MAX = 16, LOSSES_MAX = 3 };

struct core_lease;
struct core_job;

struct core_host {
	struct slice name; /* owned; "" = local transports */
	uint32_t     active;
	uint64_t     blocked_until;
	uint64_t     rate_limited;
	struct heap  light, layers; /* ready tasks */
};

struct core_worker {
	uint64_t            id, set, heard;
	struct slice       *hosts; /* owned; none = any */
	size_t              hosts_count;
	bool                local, exclusive; /* exclusive: runs one suspect task, gets no other */
	uint32_t            layer_free, light_free, leases_count;
	uint32_t            layer_slots, light_slots;
	uint64_t            bytes; /* moved by its leases */
	bool                draining, drained;
	struct core_lease  *leases;
	struct core_worker *next;
};

/* What may be leased: first member of references and layers. */
struct core_task {
	struct heap_item       item; /* in the ready heap of its host, or in the timers */
	enum core_task_kind    kind;
	uint32_t               priority;
	uint64_t               job, size, sequence, wake_at;
	struct core_host      *host;
	uint32_t               attempt, losses;
	bool                   begun;              /* a lease was sent: the next one is a retry … */
	bool                   counted;            /* … unless this is set: the last one never arrived */
	enum core_retry_reason retry;              /* why the next lease is one */
	bool                   exclusive;          /* to run alone: it was there when something broke */
	bool                   poisoned;           /* its one try alone is used up */
	uint64_t               denied[DENIED_MAX]; /* workers that cannot do it */
	size_t                 denied_count;
	struct core_lease     *lease;  /* the current one */
	struct core_lease     *leases; /* all, expired ones too */
};

struct core_lease {
	uint64_t            id;
	struct core_task   *task;
	struct core_worker *worker; /* NULL when expired */
	struct core_host   *host;
	uint64_t            sent, moved, bytes; /* when given; when its bytes moved last; how many */
	uint32_t            missing;            /* heartbeats in a row without it */
	bool                listed;             /* in the heartbeat at hand */
	struct core_lease  *next_of_worker, *next_of_task;
};

struct core_reference {
	struct core_task       task;
	struct core_job       *owner;
	uint64_t               number;
	struct slice           text;  /* owned */
	bool                   ended; /* its task has ended; images may be open */
	size_t                 images_open, images_found;
	uint8_t                key[8];
	struct core_reference *next, *previous;
};

enum layer_state { LAYER_NODE_CLAIMING, LAYER_NODE_BUSY, LAYER_NODE_CLAIMED, LAYER_NODE_DONE, LAYER_NODE_FAILED };

struct layer_waiter {
	struct core_image *image;
	size_t             index;
};

/* A place and what was to be found there: an image that lies about a layer's size fails that image only. */
struct layer_source {
	struct slice location; /* owned */
	uint64_t     size;
};

struct layer_user {
	uint64_t job;
	bool     ended;
};

struct core_layer {
	struct core_task     task;
	uint8_t              id[SHA256_BYTES + 8];
	struct core_key      key;
	struct digest        diff_id;
	bool                 pseudo, force, again, verify, owned, partial, reusable;
	enum layer_state     state;
	uint32_t             polls;
	struct layer_waiter *waiters;
	size_t               waiters_count, waiters_capacity, tried; /* tried: waiter whose location is in use */
	struct layer_user   *users;
	size_t               users_count, users_capacity;
	struct layer_source *failed; /* given up */
	size_t               failed_count, failed_capacity;
	struct slice         reason; /* owned: of a failed layer */
	int                  code;
};

struct core_job {
	uint64_t               id;
	uint8_t                key[8];
	uint32_t               priority;
	bool                   no_reuse, again, paused, closed, cancelled, ended;
	bool                   more;         /* references lie in the catalog that have not been fetched */
	bool                   fetching;     /* asked for, not yet fed */
	bool                   stored_again; /* meanwhile more were stored */
	uint64_t               next_reference, stored_at;
	struct core_hashes     counted; /* layers in its counters */
	uint64_t               references_open, images_open, listings_open;
	struct core_reference *references;
	struct map             by_number;
	struct core_image     *images;
	struct core_job_stats  stats;
	struct core_job       *next_ended;
};

struct core {
	struct core_config  config;
	struct rng          rng;
	uint64_t            now, sequence, leases_given;
	struct map          jobs, layers, leases, hosts;
	struct core_worker *workers;
	struct heap         timers;
	size_t              images_open;
	uint64_t            leases_active;
	bool                draining, drained;
	bool                failed; /* out of memory: the state is no longer to be trusted */
	struct arena        step;   /* texts of this step's actions */
	struct core_action *actions;
	size_t              actions_count, actions_capacity;
	struct core_job    *ended; /* the jobs that ended in the last step */
};

/* core.c */
struct core_action *core_emit(struct core *core, enum core_action_kind kind);
struct slice        core_text(struct core *core, struct slice text); /* until the next step */
struct slice        core_own(struct core *core, struct slice text);  /* heap */
struct core_job    *core_job_find(const struct core *core, uint64_t job);

/* core_job.c */
struct core_reference *core_reference_find(const struct core *core, uint64_t job, uint64_t number);
void                   core_job_open(struct core *core, const struct core_event *event);
void                   core_job_stored(struct core *core, struct core_job *job, const struct core_event *event);
void                   core_job_fed(struct core *core, struct core_job *job, const struct core_event *event);
void                   core_job_cancel(struct core *core, struct core_job *job);
void                   core_job_check(struct core *core, struct core_job *job); /* ended? */
void                   core_jobs_fetch(struct core *core);
void                   core_jobs_bury(struct core *core); /* those that ended in the step before */
void                   core_job_free(struct core *core, struct core_job *job);
void                   core_image_found(struct core *core, const struct core_event *event);
void                   core_reference_add(struct core *core, struct core_job *job, const struct core_event *event);
void core_reference_task_failed(struct core *core, struct core_reference *reference, const struct core_event *event);
void core_reference_failed(struct core *core, struct core_reference *reference, int code, struct slice text);
void core_reference_check(struct core *core, struct core_reference *reference);
void core_image_ended(struct core *core, struct core_image *image);
bool core_grow(struct core *core, void *items, size_t *capacity, size_t count, size_t size);

/* core_layer.c */
void core_layer_want(struct core *core, struct core_image *image, size_t index);
void core_layer_claimed(struct core *core, const struct core_event *event);
void core_layer_wake(struct core *core, struct core_layer *layer);
void core_layer_done(struct core *core, struct core_layer *layer, const struct core_event *event);
void core_layer_failed(struct core *core, struct core_layer *layer, enum core_fail_class fail_class, int code,
		       uint64_t retry_after_ms, struct slice text);
void core_layer_quarantine(struct core *core, const struct core_layer *layer, int code, struct slice text);
void core_layers_forget_cancelled(struct core *core, uint64_t job);
void core_layers_sweep(struct core *core);
void core_layer_free(struct core_layer *layer);

/* core_schedule.c, core_lease.c */
struct core_host   *core_host_get(struct core *core, struct slice name);
bool                core_host_is_local(const struct core_host *host);
bool                core_worker_reaches(const struct core_worker *worker, const struct core_host *host);
struct core_worker *core_worker_find(const struct core *core, uint64_t id);
void                core_worker_hello(struct core *core, const struct core_event *event);
void                core_worker_gone(struct core *core, struct core_worker *worker, bool orderly);
void                core_worker_progress(struct core *core, struct core_worker *worker, const struct core_event *event);
void                core_worker_back(struct core *core, struct core_worker *worker, const struct core_event *event);
void                core_leases_check(struct core *core); /* those that do not move */
uint64_t            core_leases_wake(const struct core *core);
void                core_drained_check(struct core *core);
void                core_workers_check(struct core *core);
void                core_workers_free(struct core *core);
void                core_task_ready(struct core *core, struct core_task *task);
void                core_task_later(struct core *core, struct core_task *task, uint64_t wait_ms);
void                core_task_unqueue(struct core *core, struct core_task *task);
void                core_task_retire(struct core *core, struct core_task *task);     /* ends all its leases */
bool     core_task_deny(struct core *core, struct core_task *task, uint64_t worker); /* false: nobody else can do it */
uint64_t core_backoff(struct core *core, uint32_t attempt);
struct core_lease *core_lease_find(const struct core *core, uint64_t id);
void core_lease_end(struct core *core, struct core_lease *lease); /* no longer current; a later result is late */
void core_dispatch(struct core *core);
bool core_heap_before(const struct heap_item *a, const struct heap_item *b);
bool core_timer_before(const struct heap_item *a, const struct heap_item *b);

#endif
