/* protocol.h - the frames between broker, workers and clients, as docs/PROTOCOL.md describes them: mirror it here.
 *
 * ROUTER (broker) and DEALER (everybody else); a message is one frame: a fixed header of WIRE_HEADER_BYTES, big-endian,
 * and a msgpack body that is one positional record (later versions may append fields). Every request carries a
 * correlation that its sender chose; every answer, event and part that belongs to it carries the same one. */
#ifndef VARVE_WIRE_PROTOCOL_H
#define VARVE_WIRE_PROTOCOL_H

#include "base/limits.h"

enum {
	WIRE_MAGIC = 0x56525645, /* "VRVE" */
	WIRE_VERSION = 1,
	WIRE_HEADER_BYTES = 20, /* magic u32, version u16, type u16, correlation u64, body length u32 */
};

enum wire_type {
	/* Both ways, any role */
	WIRE_ERROR = 1, /* [code, text]: the request failed, or the stream it opened ends here */
	WIRE_OK = 2,    /* []: the request was carried out (and committed, where it changes anything) */
	WIRE_PING = 3,  /* []: is answered with PONG */
	WIRE_PONG = 4,  /* [] */

	/* Worker role */
	WIRE_HELLO = 16,    /* w>b see struct wire_hello; answered by WELCOME */
	WIRE_WELCOME = 17,  /* b>w [worker, heartbeat_ms, silence_ms, result_bytes] */
	WIRE_TASK = 18,     /* b>w see struct wire_task */
	WIRE_PROGRESS = 19, /* w>b [[lease, bytes]…]: heartbeat of all leases held; may be empty */
	WIRE_RESULT = 20,   /* w>b [lease, number, last, bytes]: chunk `number` (from 0) of the task's result */
	WIRE_ACK = 21,      /* b>w [lease, code, text]: committed (code 0), refused, or to be sent again (ERR_BUSY) */
	WIRE_FAIL = 22,     /* w>b [lease, class, code, retry_after_ms, text]; answered by ACK */
	WIRE_DROP = 23,     /* b>w [lease]: give it up, nobody wants the result; no answer */
	WIRE_BYE = 24,      /* w>b []: leaving; its leases go back without being counted as failures */
	WIRE_DRAIN = 25,    /* b>w []: no TASK follows; finish what you hold, then BYE. w>b []: asks for that */

	/* Submit role */
	WIRE_SUBMIT = 48,     /* c>b see struct wire_submit; answered by JOB */
	WIRE_JOB = 49,        /* b>c [job, number, references]: what is committed of its list already */
	WIRE_REFERENCES = 50, /* c>b [job, number, last, [reference…]]; answered by OK after the commit */
	WIRE_CANCEL = 51,     /* c>b [job]; answered by OK */
	WIRE_PAUSE = 52,      /* c>b [job]: gets no leases until RESUME; answered by OK */
	WIRE_RESUME = 53,     /* c>b [job]; answered by OK */

	/* Read role */
	WIRE_STATUS = 64,       /* c>b [job]: 0 = all jobs; answered by STATUS_REPLY */
	WIRE_STATUS_REPLY = 65, /* b>c [[job_status…], [notice…], [worker_status…], [counter…]] */
	WIRE_WATCH = 66,        /* c>b [job, interval_ms]; answered by JOB_PROGRESS again and again */
	WIRE_JOB_PROGRESS = 67, /* b>c job_status; the one whose state is not JOB_RUNNING is the last */
	WIRE_RESULTS =
		68, /* c>b [job, from, credit, only_failed]: results in order of finishing, from the from-th on */
	WIRE_RESULT_PART =
		69, /* b>c [image, number, last, bytes]: chunk of an encoded image_result; takes one credit */
	WIRE_RESULTS_CREDIT = 70, /* c>b [credit]: that many parts more, same correlation as RESULTS; no answer */
	WIRE_RESULTS_END = 71,    /* b>c [images]: the job has ended and all its images were sent; takes no credit */

	WIRE_QUERY = 72,      /* c>b [request]: a question about the whole catalog, as JSON; answered by QUERY_PART */
	WIRE_QUERY_PART = 73, /* b>c [number, last, bytes]: a chunk of the document, from number 0 */
	WIRE_QUERY_MORE = 74, /* c>b [number]: the part that is wanted next; same correlation as QUERY */

	/* Admin role */
	WIRE_DRAIN_WORKER = 80, /* c>b [worker]: 0 = the broker itself; answered by OK */
};

enum wire_task_kind {
	WIRE_TASK_ENUMERATE, /* result: each chunk is complete by itself: [reference…] */
	WIRE_TASK_RESOLVE,   /* result: [encoded image…] (model/image.h) over all chunks */
	WIRE_TASK_LAYER,     /* result: struct wire_layer_result over all chunks */
};

enum wire_fail_class {
	WIRE_FAIL_TRANSIENT, /* again, later, perhaps elsewhere */
	WIRE_FAIL_PERMANENT, /* the same bytes will fail again */
	WIRE_FAIL_POISON,    /* killed a parser or passed a ceiling of time or memory */
	WIRE_FAIL_NOT_HERE,  /* this worker lacks the credential or the route; another may have it */
};

enum wire_job_state {
	JOB_RUNNING,
	JOB_DONE,
	JOB_CANCELLED,
	JOB_SCHEDULED, /* a schedule: opens an ordinary job with its references whenever it is due */
};

enum wire_job_flag {
	JOB_NO_REUSE = 1, /* scan every layer once in this job, whatever the store knows */
};

enum {
	WIRE_PRIORITY_ADHOC = 0,
	WIRE_PRIORITY_BULK = 1,

	WIRE_HEARTBEAT_MS = 2000,
	WIRE_SILENCE_MS = 20000,          /* a peer not heard of for so long is gone */
	WIRE_REFERENCES_MAX = 2000,       /* in one REFERENCES or ENUMERATE chunk; also bounded by LIMIT_CHUNK_BYTES */
	WIRE_REFERENCES_WINDOW = 8,       /* REFERENCES that may be unanswered */
	WIRE_STRINGS_MAX = 1024,          /* hosts, globs, notices in one message */
	WIRE_LEASES_MAX = 4096,           /* leases of one worker */
	WIRE_KNOWN_BYTES_MAX = 256 << 10, /* image records sent along with a resolve; more are left out */
	WIRE_JOBS_MAX = 4096,             /* job records in one STATUS_REPLY: the newest */
	WIRE_QUERY_BYTES_MAX = 64 << 10,  /* of a request */
	WIRE_RESULTS_CREDIT_MAX = 256,    /* parts a client may have open */
	WIRE_TOKEN_BYTES = 16,
	WIRE_LABEL_BYTES_MAX = 1024, /* of a job: those of all jobs go into one STATUS_REPLY */
	WIRE_INSTANCE_BYTES = 16,
	WIRE_EVERY_BYTES_MAX = 128, /* of a schedule: "24h", "15m", five fields of cron */
	WIRE_BUSY_WAIT_MS = 1000,   /* a result answered ERR_BUSY is sent again after so long */
	WIRE_WORKERS_MAX = 1024,    /* in one STATUS_REPLY */
	WIRE_COUNTERS_MAX = 256,    /* in one STATUS_REPLY */
	WIRE_SET_NAME_BYTES = 13,   /* wire_set_name() with its NUL */
};

#endif
