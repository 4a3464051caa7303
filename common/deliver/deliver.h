/* deliver.h - tells the world about an event: runs a command, or posts to a webhook, until it was taken.
 *
 * At least once: who has an event to deliver keeps it until deliver_event() answers 0, and delivers it again after a crash
 * under the same id, by which a receiver knows it. Owner: one thread; blocks for as long as the receiver and the retries take.
 *   command   stdin: the event. No shell, the words of the command are its argv; environment: PATH, LANG and VARVE_EVENT_ID
 *             alone; its output goes to our stderr; killed with its process group after exec_timeout_ms. 0 is success.
 *   webhook   POST of the event as application/json with X-Varve-Event (its kind), X-Varve-Delivery (its id) and, with a key,
 *             X-Varve-Signature: sha256=<hex of HMAC-SHA-256 of the body>. 2xx is success; 408, 429, 5xx and network errors
 *             are tried again with growing pauses (Retry-After is heeded), anything else is final, a redirect too.
 *             Addresses are refused as net/http.h says.
 * URLs and keys are secrets: no message names more of a URL than scheme and host. */
#ifndef VARVE_DELIVER_DELIVER_H
#define VARVE_DELIVER_DELIVER_H

#include "base/buf.h"
#include "base/err.h"

struct deliver_config {
	const char *command;  /* words parted by blanks; NULL = none */
	const char *url;      /* NULL = none */
	const char *key_file; /* its content without trailing newline is the key; NULL = unsigned */
	const char *ca_file;  /* PEM beside the system's certificates; NULL */
	bool        tls_insecure;
	unsigned    attempts_max;    /* of one deliver_event(); 0 = 6 */
	unsigned    exec_timeout_ms; /* 0 = 60 s */
	unsigned    pause_ms;        /* before the second attempt; doubles up to 5 min; 0 = 1 s */
};

struct deliver;

/* Copies the configuration and reads the files. ERR_USAGE, ERR_CONFIG, ERR_MEM. */
int  deliver_open(const struct deliver_config *config, struct deliver **out, struct err *err);
void deliver_close(struct deliver *deliver); /* NULL is fine */
void deliver_cancel(
	struct deliver *deliver); /* any thread: a delivery under way ends with ERR_CANCELLED, later ones at once */

struct deliver_event {
	const char  *kind; /* "rematch" */
	const char  *id;   /* the same at every delivery of this event */
	struct slice body; /* JSON text */
};

/* Each receiver that has not taken this id yet, command first; what one has taken is not delivered to it again in this
 * process. The first error of those that remain: ERR_NET, ERR_RATE (worth another try later), ERR_AUTH, ERR_UNSUPPORTED …
 * (final), ERR_IO (the command failed), ERR_CANCELLED. */
int deliver_event(struct deliver *deliver, const struct deliver_event *event, struct err *err);

#endif
