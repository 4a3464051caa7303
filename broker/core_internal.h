/* core_internal.h - the nodes of the broker core, shared by its files; nobody else includes it.
 *
 * Tasks that wait lie in flows (one per job and queue), flows in queues (one per host, kind, class, analyzer set and workers
 * that have denied), queues in stations (one per sort of slot and analyzer set). All that one queue holds may go to the same
 * workers, so that the best task for a worker is found by looking at heads only. After each step no worker with a free slot
 * is left beside an open queue that it may take from (core_check.c), so that a step tries only what it has changed. */
#ifndef VARVE_BROKER_CORE_INTERNAL_H
#define VARVE_BROKER_CORE_INTERNAL_H

#include "base/map.h"
#include "base/rng.h"
#include "core.h"
#include "core_hashes.h"
#include "core_list.h"
#include "heap.h"

enum { DENIED_MAX = 16, LOSSES_MAX = 3, KINDS = 3 };
enum core_slot { SLOT_LIGHT, SLOT_LAYER, SLOTS };

/* One sort of slot of the workers with one analyzer set (0 for light ones): where their tasks come from. */
struct core_station {
	enum core_slot slot;
	uint64_t       set;
	struct heap    plain[KINDS]
			 [CORE_CLASSES]; /* open queues that every worker may take from, if it reaches the host */
	struct core_list special;        /* open queues for some workers only */
	struct core_list free;           /* workers with a free slot */
	uint32_t         adhoc_run;      /* ad hoc grants in a row that bulk has waited for */
	uint64_t         users;          /* workers and queues that point here */
	struct core_link link;
};

struct core_host {
	struct slice     name;  /* owned; "\0" = local transports */
	uint64_t         users; /* tasks, leases and workers that point here */
	struct heap_item item;  /* in the core's heap of hosts that open by themselves */
	uint64_t         wake_at;
	uint32_t         active; /* leases */
	uint64_t         listed; /* workers that name it */
	uint64_t         ready;  /* tasks in its queues */
	uint64_t         blocked_until, blocked_at;
	int64_t          tokens; /* layer bytes that may be begun; below zero: to be waited for */
	uint64_t         filled_at;
	uint64_t         rate_limited;
	uint32_t         failures, rates; /* in a row: could not be connected to, asked us to wait */
	uint64_t         failing_since, rated_since;
	bool             probing;  /* one lease at once, until it answers */
	bool             given_up; /* while it is blocked, its tasks fail */
	bool             usable;   /* what is queued counts as runnable */
	struct core_list queues;
	struct core_link given;
};

/* Where tasks wait that may go to the same workers; gone when it is empty. */
struct core_queue {
	struct heap_item     item; /* in its station, while it is open and not special */
	struct core_host    *host;
	struct core_station *station;
	enum core_task_kind  kind;
	unsigned class;
	bool             exclusive, special, open;
	struct heap      flows; /* those whose job is not paused */
	struct core_list all;   /* flows */
	size_t           count; /* tasks of all flows */
	struct core_link of_host, of_station, woken, alone, denying;
	size_t           denied_count, key_len;
	const uint64_t  *denied;
	uint64_t         key[]; /* host, set, kind and class and exclusive, denied workers in order */
};

/* What one job has in one queue; gone when it is empty. */
struct core_flow {
	struct heap_item   item;
	struct core_queue *queue; /* with `job` the key */
	struct core_job   *job;
	uint64_t           tag; /* the job's virtual time when it was last looked at: never more than it is */
	struct heap        tasks;
	size_t             runnable; /* of them, as counted in the job's window */
	struct core_link   of_queue, of_job;
};

struct core_worker {
	uint64_t             id, set, heard, bytes; /* bytes: moved by its leases */
	struct slice        *names;                 /* owned */
	struct core_host   **hosts;
	size_t               hosts_count; /* none = any */
	bool                 local, draining, drained, away;
	bool                 exclusive; /* runs one suspect task, gets no other */
	bool                 resting;   /* has run one, and takes another sort of work first */
	bool                 deaf;      /* loses the tasks that it is sent: it gets none for a while */
	uint64_t             deaf_until;
	uint32_t             deaf_beats; /* heartbeats in a row that told of lost tasks and of none that arrived */
	uint32_t             slots[SLOTS], used[SLOTS], leases_count;
	struct core_list     leases;
	struct core_station *stations[SLOTS];
	struct core_link     free[SLOTS], all, dirty;
};

struct core_denied {
	size_t   count;
	uint64_t workers[DENIED_MAX]; /* that cannot do it, in order of their numbers */
};

/* What may be leased: first member of references and layers. */
struct core_task {
	struct heap_item    item; /* in a flow, or in the timers */
	struct core_job    *job;  /* who is charged; a layer's best one of those that wait */
	struct core_host   *host; /* core_task_set_host() */
	uint64_t            size, sequence, wake_at;
	struct core_denied *denied;
	struct core_lease  *leases; /* newest first: only the first one may be current */
	uint8_t             kind, losses, retry;
	uint16_t            attempt;
	bool                begun;     /* a lease was sent: the next one is a retry … */
	bool                counted;   /* … unless this is set: the last one never arrived */
	bool                exclusive; /* to run alone: it was there when something broke */
	bool                poisoned;  /* its one try alone is used up */
};

struct core_lease {
	uint64_t            id;
	struct core_task   *task;
	struct core_worker *worker; /* NULL when expired */
	struct core_host   *host;
	uint64_t            sent, moved, bytes, charged; /* moved: when its bytes did last; charged: to the host */
	uint32_t            missing;                     /* heartbeats in a row without it */
	bool                listed;                      /* in the heartbeat at hand */
	bool                adoptable;                   /* its worker fell silent: it may still have it */
	struct core_lease  *next_of_task;
	struct core_link    of_worker, moving;
};

struct core_reference {
	struct core_task       task;
	uint64_t               number; /* key of the job's map */
	struct slice           text;   /* owned */
	bool                   ended;  /* its task has ended; images may be open */
	uint32_t               images_open, images_found;
	struct core_reference *next, *previous;
};

enum layer_state { LAYER_NODE_CLAIMING, LAYER_NODE_BUSY, LAYER_NODE_CLAIMED, LAYER_NODE_DONE, LAYER_NODE_FAILED };

struct layer_waiter {
	struct core_image *image;
	uint32_t           index;
	bool               counts;   /* the first of its job: the layer's end is counted there */
	bool               recounts; /* … where it was counted as failed before */
};

/* A job that an ended layer stays for: it failed, or what was found may not be reused by others. */
struct layer_use {
	struct core_job   *job;
	struct core_layer *layer;
	bool               failed;
	struct layer_use  *next_of_layer, *next_of_job;
};

/* A place and what was to be found there: an image that lies about a layer's size fails that image only. */
struct layer_source {
	struct slice location; /* owned */
	uint64_t     size;
	struct slice reason; /* owned: why it was given up */
	int          code;
};

/* What few layers need. */
struct layer_rare {
	struct digest        verify; /* the diffID that it is to have */
	struct layer_source *failed; /* given up */
	size_t               failed_count, failed_capacity;
	struct slice         reason; /* owned: of a failed layer */
	int                  code;
	struct layer_use    *uses;
	enum layer_state     before; /* how it had ended before it was begun again */
};

struct core_layer {
	struct core_task     task;
	struct core_key      key; /* of the core's map: no byte of it is padding */
	struct layer_waiter *waiters;
	struct layer_waiter  first;                                  /* most have one: `waiters` points here */
	uint32_t             waiters_count, waiters_capacity, tried; /* tried: waiter whose location is in use */
	uint32_t             visit; /* the last walk over a job's layers that came here */
	uint8_t              state, polls;
	bool                 pseudo, force, asked_force, again, verify, owned, partial, reusable;
	struct core_job     *payer; /* whose bytes it counts in */
	struct layer_rare   *rare;
};

struct core_job {
	uint64_t id; /* key of the core's map */
	unsigned class;
	bool                   no_reuse, again, paused, closed, cancelled, ended;
	bool                   more;         /* references lie in the catalog that have not been fetched */
	bool                   fetching;     /* asked for, not yet fed */
	bool                   stored_again; /* meanwhile more were stored */
	uint64_t               next_reference, stored_at;
	uint64_t               references_open, images_open, listings_open;
	uint64_t               vtime[SLOTS]; /* what it has been given, in bytes: the least goes first */
	uint64_t               ready[SLOTS]; /* tasks in its flows */
	uint64_t               runnable;     /* references that could go out */
	struct core_hashes     counted;      /* layers in its counters */
	struct core_reference *references;
	struct map             by_number;
	struct core_image     *images;
	struct layer_use      *uses;
	struct core_list       flows;
	struct core_job_stats  stats;
	struct core_link       hungry;
	struct core_job       *next_ended;
};

struct core {
	struct core_config   config;
	struct rng           rng;
	uint64_t             now, sequence, leases_given;
	struct map           jobs, layers, leases, hosts, workers, queues, flows;
	struct core_list     stations;
	struct core_list     all_workers; /* the one that has been silent longest comes first */
	struct core_list     moving;      /* current leases; the one that has stood still longest comes first */
	struct heap          timers, host_timers;
	struct core_station *light;
	struct core_host    *local;
	uint64_t             any_workers, local_workers; /* that reach all registries, local sources */
	uint64_t             vtime[SLOTS][CORE_CLASSES]; /* of what was given last */
	size_t               images_open, references;
	size_t               hosts_kept; /* by the last sweep */
	uint32_t             visit;      /* walks over the layers of a job so far */
	uint64_t             queued[CORE_CLASSES][KINDS], timed[CORE_CLASSES][KINDS], leased[KINDS];
	struct core_list     dirty, woken, hungry; /* workers, queues, jobs that the step has changed */
	struct core_list     alone, denying; /* queues: open ones whose tasks run alone; those that some have denied */
	struct core_list     given_up;       /* hosts */
	bool                 giving_up;      /* some of their tasks are still to be failed */
	struct core_queue   *offered;        /* being handed out; NULL when it has gone meanwhile */
	struct core_worker  *reserved;       /* ends what it has, to run a suspect task alone */
	bool                 resolving_shut[CORE_CLASSES]; /* too many images wait for layers */
	bool                 draining, drained;
	bool                 failed; /* out of memory: the state is no longer to be trusted */
	struct arena         step;   /* texts of this step's actions */
	struct core_action  *actions;
	size_t               actions_count, actions_capacity;
	struct core_job     *ended; /* the jobs that ended in the last step */
};

/* core.c */
struct core_action *core_emit(struct core *core, enum core_action_kind kind);
struct slice        core_text(struct core *core, struct slice text); /* until the next step */
struct slice        core_own(struct core *core, struct slice text);  /* heap */
void               *core_alloc(struct core *core, size_t size);      /* zeroed; NULL: the core has failed */
bool                core_grow(struct core *core, void *items, size_t *capacity, size_t count, size_t size);
struct core_job    *core_job_find(const struct core *core, uint64_t job);

/* core_job.c */
void core_job_open(struct core *core, const struct core_event *event);
void core_job_event(struct core *core, struct core_job *job, const struct core_event *event);
void core_job_check(struct core *core, struct core_job *job);  /* ended? */
void core_job_hungry(struct core *core, struct core_job *job); /* fewer references than before */
void core_jobs_wake(struct core *core);
void core_jobs_fetch(struct core *core);
void core_jobs_bury(struct core *core); /* those that ended in the step before */
void core_job_free(struct core *core, struct core_job *job);

/* core_reference.c */
struct core_reference *core_reference_find(const struct core_job *job, uint64_t number);
void                   core_reference_add(struct core *core, struct core_job *job, const struct core_event *event);
void                   core_reference_done(struct core *core, struct core_reference *reference); /* its task */
void core_reference_failed(struct core *core, struct core_reference *reference, int code, struct slice text);
void core_reference_task_failed(struct core *core, struct core_reference *reference, const struct core_event *event);
void core_references_free(struct core *core, struct core_job *job);
void core_image_found(struct core *core, const struct core_event *event);
void core_image_settle(struct core *core, struct core_image *image, size_t index, enum layer_status status,
		       struct slice reason);
void core_images_free(struct core *core, struct core_job *job);

/* core_layer.c: nodes, and who wants them */
void               core_layer_want(struct core *core, struct core_image *image, size_t index);
void               core_layer_claimed(struct core *core, const struct core_event *event);
void               core_layer_wake(struct core *core, struct core_layer *layer);
struct core_layer *core_layer_of(const struct core *core, const struct core_image *image, size_t index);
struct layer_rare *core_layer_rare(struct core *core, struct core_layer *layer); /* NULL: the core has failed */
void               core_layer_free(struct core *core, struct core_layer *layer);
void               core_layer_clear(struct core *core, struct core_layer *layer); /* out of all queues, for good */
void               core_layer_rehome(struct core *core, struct core_layer *layer);
bool               core_layer_choose_source(struct core *core, struct core_layer *layer);
void               core_layers_job_leaves(struct core *core, struct core_job *job);  /* it was cancelled */
void               core_layers_job_changed(struct core *core, struct core_job *job); /* … paused, or goes on */

/* core_layer_end.c: how they end */
void core_layer_done(struct core *core, struct core_layer *layer, const struct core_event *event);
void core_layer_known(struct core *core, struct core_layer *layer, bool partial);
void core_layer_lost(struct core *core, struct core_layer *layer, int code, struct slice text); /* for all who wait */
void core_layer_failed(struct core *core, struct core_layer *layer, const struct core_event *event);
void core_layer_poison(struct core *core, struct core_layer *layer);
void core_layer_give_up_source(struct core *core, struct core_layer *layer, const struct core_event *event);
/* NULL: what this image says of the layer has not been given up. */
const struct layer_source *core_layer_failed_source(const struct core_layer *layer, const struct core_image *image,
						    size_t index);
void core_layer_settle(struct core *core, const struct core_layer *layer, struct core_image *image, size_t index,
		       enum layer_status status);
void core_layer_count_ended(struct core *core, struct core_layer *layer, struct core_job *job);
void core_layer_release(struct core *core, struct core_layer *layer);
void core_uses_free(struct core *core, struct core_job *job);

/* core_host.c */
struct core_host *core_host_get(struct core *core, struct slice name); /* NULL: the core has failed */
void core_host_use(struct core_host **place, struct core_host *host);  /* counts who points there; both may be NULL */
void core_hosts_sweep(struct core *core); /* those that nobody uses go, when there are many */
void core_task_set_host(struct core *core, struct core_task *task, struct slice name);
bool core_host_is_local(const struct core_host *host);
bool core_host_admits(const struct core *core, const struct core_host *host, enum core_task_kind kind);
bool core_host_reached(const struct core *core, const struct core_host *host);
void core_host_changed(struct core *core, struct core_host *host);
void core_host_block(struct core *core, struct core_host *host, uint64_t wait_ms);
void core_host_charge(struct core *core, struct core_host *host, struct core_lease *lease, uint64_t size);
void core_host_refund(struct core *core, struct core_lease *lease, uint64_t fetched);
void core_host_answered(struct core *core, struct core_host *host);
bool core_host_failed(struct core *core, const struct core_lease *lease, const struct core_event *event); /* rated */
void core_hosts_wake(struct core *core);
void core_hosts_give_up(struct core *core);
void core_hosts_reached_anew(struct core *core); /* workers for any registry came or went */
void core_hosts_free(struct core *core);

/* core_queue.c */
enum core_slot       core_slot_of(enum core_task_kind kind);
struct core_station *core_station_use(struct core *core, enum core_slot slot, uint64_t set); /* NULL: failed */
void                 core_station_drop(struct core_station *station);                        /* may be NULL */
void                 core_task_ready(struct core *core, struct core_task *task);
void                 core_task_later(struct core *core, struct core_task *task, uint64_t wait_ms);
void core_task_retry(struct core_task *task, enum core_retry_reason reason); /* why the next lease is one */
void core_task_set_job(struct core *core, struct core_task *task, struct core_job *job);
void core_task_unqueue(struct core *core, struct core_task *task);
void core_queue_changed(struct core *core, struct core_queue *queue);
void core_job_park(struct core *core, struct core_job *job); /* its flows: in or out as it is paused */
void core_flow_count(struct core *core, struct core_flow *flow);
struct core_queue *core_station_best(struct core *core, struct heap *queues);
struct core_queue *core_queue_better(struct core *core, struct core_queue *a, struct core_queue *b);
struct core_task  *core_queue_first(const struct core_queue *queue);
bool               core_timer_before(const struct heap_item *a, const struct heap_item *b);

/* core_worker.c */
struct core_worker *core_worker_find(const struct core *core, uint64_t id);
void                core_worker_hello(struct core *core, const struct core_event *event);
void                core_worker_event(struct core *core, struct core_worker *worker, const struct core_event *event);
void core_worker_changed(struct core *core, struct core_worker *worker);    /* slots, draining, away, deaf, exclusive */
void core_worker_lost_tasks(struct core *core, struct core_worker *worker); /* they never arrived */
void core_worker_has_tasks(struct core *core, struct core_worker *worker);  /* one did */
bool core_worker_stopped(const struct core_worker *worker);                 /* gets no new leases */
void core_worker_gone(struct core *core, struct core_worker *worker, bool orderly);
bool core_worker_reaches(const struct core_worker *worker, const struct core_host *host);
bool core_worker_may(const struct core_worker *worker, const struct core_queue *queue); /* but slots */
bool core_task_deny(struct core *core, struct core_task *task, uint64_t worker); /* false: nobody else can do it */
void core_task_undeny(struct core_task *task);
void core_workers_check(struct core *core); /* the silent ones go */
void core_workers_free(struct core *core);

/* core_dispatch.c */
bool core_may_resolve(const struct core *core, unsigned class); /* not too many images wait for layers */
void core_dispatch(struct core *core);
bool core_bulk_may(const struct core_worker *worker, enum core_slot slot); /* bulk may have one more of these slots */
void core_drained_check(struct core *core);

/* core_lease.c */
struct core_lease *core_lease_find(const struct core *core, uint64_t id);
struct core_lease *core_lease_current(const struct core_task *task); /* NULL: nobody has it */
void               core_lease_give(struct core *core, struct core_worker *worker, struct core_task *task);
void     core_lease_expire(struct core *core, struct core_lease *lease); /* no longer current; a later result is late */
void     core_lease_free(struct core *core, struct core_lease *lease);   /* … nor known */
void     core_lease_lost(struct core *core, struct core_lease *lease, bool orderly);
void     core_task_retire(struct core *core, struct core_task *task); /* ends all its leases, and what it holds */
void     core_worker_listed(struct core *core, struct core_worker *worker, const struct core_event *event, bool back);
void     core_leases_check(struct core *core); /* those that do not move */
void     core_task_done(struct core *core, const struct core_event *event);
void     core_task_failed(struct core *core, const struct core_event *event);
void     core_send_failed(struct core *core, const struct core_event *event);
uint64_t core_backoff(struct core *core, uint32_t attempt);

#endif
