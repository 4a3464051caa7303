/* Any frame a peer may send: header and body by its type, and the payloads inside results. */
#include "wire/message.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_worker_side(uint16_t type, struct slice body, struct arena *arena)
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
		wire_get_hello(body, arena, &hello, NULL);
		break;
	case WIRE_WELCOME:
		wire_get_welcome(body, &welcome, NULL);
		break;
	case WIRE_TASK:
		wire_get_task(body, arena, &task, NULL);
		break;
	case WIRE_PROGRESS:
		wire_get_progress(body, arena, &progress, NULL);
		break;
	case WIRE_RESULT:
		wire_get_result(body, &result, NULL);
		break;
	case WIRE_ACK:
		wire_get_ack(body, &ack, NULL);
		break;
	case WIRE_FAIL:
		wire_get_fail(body, &fail, NULL);
		break;
	default:
		break;
	}
}

static void read_client_side(uint16_t type, struct slice body, struct arena *arena)
{
	struct wire_error        error;
	struct wire_submit       submit;
	struct wire_references   references;
	struct wire_status_reply reply;
	struct wire_watch        watch;
	struct wire_job_status   status;
	struct wire_results      results;
	struct wire_result_part  part;
	uint64_t                 number;

	switch (type) {
	case WIRE_ERROR:
		wire_get_error(body, &error, NULL);
		break;
	case WIRE_SUBMIT:
		wire_get_submit(body, arena, &submit, NULL);
		break;
	case WIRE_REFERENCES:
		wire_get_references(body, arena, &references, NULL);
		break;
	case WIRE_STATUS_REPLY:
		wire_get_status_reply(body, arena, &reply, NULL);
		break;
	case WIRE_WATCH:
		wire_get_watch(body, &watch, NULL);
		break;
	case WIRE_JOB_PROGRESS:
		wire_get_job_progress(body, &status, NULL);
		break;
	case WIRE_RESULTS:
		wire_get_results(body, &results, NULL);
		break;
	case WIRE_RESULT_PART:
		wire_get_result_part(body, &part, NULL);
		break;
	default:
		wire_get_number(body, &number, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_header       header;
	struct wire_layer_result layer;
	struct wire_strings      strings;
	struct slice             body;
	struct arena             arena;

	arena_init(&arena, 16 << 20);
	if (wire_open_frame(slice_of(data, size), &header, &body, NULL) >= 0) {
		read_worker_side(header.type, body, &arena);
		read_client_side(header.type, body, &arena);
	}
	wire_get_layer_result(slice_of(data, size), &layer, NULL);
	wire_get_strings(slice_of(data, size), &arena, WIRE_REFERENCES_MAX, &strings, NULL);
	arena_deinit(&arena);
	return 0;
}
