/* Any frame a peer may send: header and body by its type, and the payloads inside results. What is read is written, and
 * must be read and written as the same again. */
#include "wire/message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a body of the worker's side and writes what it says; false = refused, or of the other side. */
static bool copy_worker_side(uint16_t type, struct slice body, struct arena *arena, struct buf *out)
{
	struct wire_hello    hello;
	struct wire_welcome  welcome;
	struct wire_task     task;
	struct wire_progress progress;
	struct wire_result   result;
	struct wire_ack      ack;
	struct wire_fail     fail;

	switch (type) {
	case WIRE_HELLO:
		return wire_get_hello(body, arena, &hello, NULL) == 0 && (wire_put_hello(out, 0, &hello), true);
	case WIRE_WELCOME:
		return wire_get_welcome(body, &welcome, NULL) == 0 && (wire_put_welcome(out, 0, &welcome), true);
	case WIRE_TASK:
		return wire_get_task(body, arena, &task, NULL) == 0 && (wire_put_task(out, 0, &task), true);
	case WIRE_PROGRESS:
		return wire_get_progress(body, arena, &progress, NULL) == 0 &&
		       (wire_put_progress(out, 0, &progress), true);
	case WIRE_RESULT:
		return wire_get_result(body, &result, NULL) == 0 && (wire_put_result(out, 0, &result), true);
	case WIRE_ACK:
		return wire_get_ack(body, &ack, NULL) == 0 && (wire_put_ack(out, 0, &ack), true);
	case WIRE_FAIL:
		return wire_get_fail(body, &fail, NULL) == 0 && (wire_put_fail(out, 0, &fail), true);
	default:
		return false;
	}
}

static bool copy_client_side(uint16_t type, struct slice body, struct arena *arena, struct buf *out)
{
	struct wire_error        error;
	struct wire_submit       submit;
	struct wire_job          job;
	struct wire_references   references;
	struct wire_status_reply reply;
	struct wire_watch        watch;
	struct wire_job_status   status;
	struct wire_results      results;
	struct wire_result_part  part;
	uint64_t                 number;

	switch (type) {
	case WIRE_ERROR:
		return wire_get_error(body, &error, NULL) == 0 && (wire_put_error(out, 0, &error), true);
	case WIRE_SUBMIT:
		return wire_get_submit(body, arena, &submit, NULL) == 0 && (wire_put_submit(out, 0, &submit), true);
	case WIRE_JOB:
		return wire_get_job(body, &job, NULL) == 0 && (wire_put_job(out, 0, &job), true);
	case WIRE_REFERENCES:
		return wire_get_references(body, arena, &references, NULL) == 0 &&
		       (wire_put_references(out, 0, &references), true);
	case WIRE_STATUS_REPLY:
		return wire_get_status_reply(body, arena, &reply, NULL) == 0 &&
		       (wire_put_status_reply(out, 0, &reply), true);
	case WIRE_WATCH:
		return wire_get_watch(body, &watch, NULL) == 0 && (wire_put_watch(out, 0, &watch), true);
	case WIRE_JOB_PROGRESS:
		return wire_get_job_progress(body, &status, NULL) == 0 &&
		       (wire_put_job_progress(out, 0, &status), true);
	case WIRE_RESULTS:
		return wire_get_results(body, &results, NULL) == 0 && (wire_put_results(out, 0, &results), true);
	case WIRE_RESULT_PART:
		return wire_get_result_part(body, &part, NULL) == 0 && (wire_put_result_part(out, 0, &part), true);
	default:
		return wire_get_number(body, &number, NULL) == 0 && (wire_put_number(out, type, 0, number), true);
	}
}

/* Copies the message in a frame into `out`; false = refused. */
static bool copy_frame(struct slice frame, struct arena *arena, struct buf *out)
{
	struct wire_header header;
	struct slice       body;

	return wire_open_frame(frame, &header, &body, NULL) == 0 &&
	       (copy_worker_side(header.type, body, arena, out) || copy_client_side(header.type, body, arena, out)) &&
	       buf_ok(out);
}

static void check_frame(struct slice frame, struct arena *arena)
{
	struct buf once, twice;

	buf_init(&once, LIMIT_MESSAGE_BYTES);
	buf_init(&twice, LIMIT_MESSAGE_BYTES);
	if (copy_frame(frame, arena, &once) &&
	    (!copy_frame(buf_slice(&once), arena, &twice) || !slice_eq(buf_slice(&once), buf_slice(&twice))))
		abort();
	buf_deinit(&once);
	buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_layer_result layer;
	struct wire_strings      strings;
	struct arena             arena;

	arena_init(&arena, 16 << 20);
	check_frame(slice_of(data, size), &arena);
	wire_get_layer_result(slice_of(data, size), &layer, NULL);
	wire_get_strings(slice_of(data, size), &arena, WIRE_REFERENCES_MAX, &strings, NULL);
	arena_deinit(&arena);
	return 0;
}
