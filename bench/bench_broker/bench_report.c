#include "bench_broker/bench_report.h"

#include "base/json_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* --- for people --- */

void report_print_sync(const struct floor_sync *sync)
{
	printf("fdatasync of 4 KiB: p50 %.2f ms, p99 %.2f ms\n", sync->p50_us / 1e3, sync->p99_us / 1e3);
	fflush(stdout);
}

void report_print_floor(const struct report_floor *floor)
{
	printf("commit of %5u: LMDB alone %8.0f random 200-byte puts/s; catalog alone %7.0f layer tasks/s, with large "
	       "results %6.0f\n",
	       floor->batch, floor->puts, floor->tasks, floor->big_tasks);
	fflush(stdout);
}

void report_print_queue(const struct report_queue *queue)
{
	printf("%s: %" PRIu64 " layers of %" PRIu64
	       " images queued in %.1f s (%.0f/s); a queued layer takes %.0f bytes of memory\n",
	       queue->transport, queue->layers, queue->images, queue->seconds, (double)queue->layers / queue->seconds,
	       queue->layer_bytes);
	printf("%s: an image that waits takes %.0f bytes (%" PRIu64 " images; its record: %.0f bytes)\n",
	       queue->transport, queue->image_bytes, queue->waiting, queue->record_bytes);
	fflush(stdout);
}

void report_print_adhoc(const struct report_queue *queue)
{
	printf("%s: submit -> first task, p50 and p99: idle %.2f %.2f ms, under load %.2f %.2f ms\n", queue->transport,
	       queue->adhoc_p50[0] / 1e3, queue->adhoc_p99[0] / 1e3, queue->adhoc_p50[1] / 1e3,
	       queue->adhoc_p99[1] / 1e3);
	fflush(stdout);
}

void report_print_run(const struct report_run *run, bool first)
{
	if (first)
		printf("          workers slots result     queued  tasks/s  CPU us a task    result->ack ms    "
		       "ack->task ms  "
		       "result->task ms\n"
		       "                       bytes                       broker  bench      p50    p99     p50    "
		       "p99 "
		       "    p50    p99\n");
	printf("%-9s %7u %5u %6" PRIu64 " %10" PRIu64 " %8.0f %7.1f %6.1f   %6.2f %6.2f  %6.2f %6.2f  %6.2f %6.2f\n",
	       run->transport, run->workers, run->slots, run->result_bytes, run->queued,
	       (double)run->tasks / run->seconds, run->broker_cpu_us, run->bench_cpu_us, run->p50[FLEET_ACK] / 1e3,
	       run->p99[FLEET_ACK] / 1e3, run->p50[FLEET_ACK_TO_TASK] / 1e3, run->p99[FLEET_ACK_TO_TASK] / 1e3,
	       run->p50[FLEET_TURN] / 1e3, run->p99[FLEET_TURN] / 1e3);
	fflush(stdout);
}

void report_print_start(const struct report_start *start)
{
	printf("start, %s: first answer after %.0f ms", start->what, start->ready_ms);
	if (start->task_ms > 0)
		printf(", first task of the job after %.0f ms", start->task_ms);
	printf("; %.1f MiB of memory\n", (double)start->anon_bytes / (1 << 20));
	fflush(stdout);
}

/* --- for programs --- */

static void put_floors(struct json_writer *w, const struct report *report)
{
	json_begin_object(w, "fdatasync");
	json_put_uint(w, "p50_us", report->sync.p50_us);
	json_put_uint(w, "p99_us", report->sync.p99_us);
	json_end_object(w);
	json_begin_array(w, "floors");
	for (size_t i = 0; i < report->floors_count; i++) {
		json_begin_object(w, NULL);
		json_put_uint(w, "batch", report->floors[i].batch);
		json_put_fixed(w, "lmdb_puts_per_s", report->floors[i].puts, 0);
		json_put_fixed(w, "catalog_tasks_per_s", report->floors[i].tasks, 0);
		json_put_fixed(w, "catalog_large_tasks_per_s", report->floors[i].big_tasks, 0);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_pair(struct json_writer *w, const char *key, uint32_t p50, uint32_t p99)
{
	json_begin_object(w, key);
	json_put_uint(w, "p50_us", p50);
	json_put_uint(w, "p99_us", p99);
	json_end_object(w);
}

static void put_queue(struct json_writer *w, const struct report_queue *queue)
{
	json_begin_object(w, NULL);
	json_put_str(w, "transport", queue->transport);
	json_put_uint(w, "images", queue->images);
	json_put_uint(w, "layers", queue->layers);
	json_put_fixed(w, "seconds", queue->seconds, 3);
	json_put_fixed(w, "bytes_per_queued_layer", queue->layer_bytes, 0);
	json_put_uint(w, "images_waiting", queue->waiting);
	json_put_fixed(w, "bytes_per_waiting_image", queue->image_bytes, 0);
	json_put_fixed(w, "bytes_of_its_record", queue->record_bytes, 0);
	put_pair(w, "submit_to_task_idle", queue->adhoc_p50[0], queue->adhoc_p99[0]);
	put_pair(w, "submit_to_task_loaded", queue->adhoc_p50[1], queue->adhoc_p99[1]);
	json_end_object(w);
}

static void put_run(struct json_writer *w, const struct report_run *run)
{
	json_begin_object(w, NULL);
	json_put_str(w, "transport", run->transport);
	json_put_uint(w, "workers", run->workers);
	json_put_uint(w, "slots", run->slots);
	json_put_uint(w, "result_bytes", run->result_bytes);
	json_put_uint(w, "queued", run->queued);
	json_put_uint(w, "tasks", run->tasks);
	json_put_fixed(w, "seconds", run->seconds, 3);
	json_put_fixed(w, "tasks_per_s", (double)run->tasks / run->seconds, 0);
	json_put_fixed(w, "broker_cpu_us_per_task", run->broker_cpu_us, 1);
	json_put_fixed(w, "bench_cpu_us_per_task", run->bench_cpu_us, 1);
	put_pair(w, "result_to_ack", run->p50[FLEET_ACK], run->p99[FLEET_ACK]);
	put_pair(w, "ack_to_task", run->p50[FLEET_ACK_TO_TASK], run->p99[FLEET_ACK_TO_TASK]);
	put_pair(w, "result_to_task", run->p50[FLEET_TURN], run->p99[FLEET_TURN]);
	json_end_object(w);
}

static void put_start(struct json_writer *w, const struct report_start *start)
{
	json_begin_object(w, NULL);
	json_put_str(w, "what", start->what);
	json_put_fixed(w, "ready_ms", start->ready_ms, 1);
	json_put_fixed(w, "first_task_ms", start->task_ms, 1);
	json_put_uint(w, "anon_bytes", start->anon_bytes);
	json_end_object(w);
}

void report_json(const struct report *report, struct buf *out)
{
	struct json_writer w = json_writer_of(out, 1);

	json_begin_object(&w, NULL);
	json_put_str(&w, "schema", "varve.bench.broker/1");
	json_put_str(&w, "version", VARVE_VERSION);
	json_put_uint(&w, "cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	put_floors(&w, report);
	json_begin_array(&w, "queues");
	for (size_t i = 0; i < report->queues_count; i++)
		put_queue(&w, &report->queues[i]);
	json_end_array(&w);
	json_begin_array(&w, "runs");
	for (size_t i = 0; i < report->runs_count; i++)
		put_run(&w, &report->runs[i]);
	json_end_array(&w);
	json_begin_array(&w, "starts");
	for (size_t i = 0; i < report->starts_count; i++)
		put_start(&w, &report->starts[i]);
	json_end_array(&w);
	json_end_object(&w);
	buf_byte(out, '\n');
}
