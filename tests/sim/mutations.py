#!/usr/bin/env python3
"""Breaks a copy of the broker's core (or of the simulator's model of the shell) in one way after the other and lets the
simulator look for it: python3 tests/sim/mutations.py [NAME…]. Each must be caught. By hand; results in docs/TESTING.md."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "mutations"
GROUPS = ["links", "hostile", "crashes", "workers", "registries", "claims", "scheduling", "all"]
COUNT = os.environ.get("MUTATION_SEEDS", "300")

# Name, and what is changed: (file, what stands there once, what is put in its place) …
LAYER, END, LEASE, JOB = "broker/core_layer.c", "broker/core_layer_end.c", "broker/core_lease.c", "broker/core_job.c"
QUEUE, HOST, DISPATCH = "broker/core_queue.c", "broker/core_host.c", "broker/core_dispatch.c"
WORKER, CORE, REFERENCE = "broker/core_worker.c", "broker/core.c", "broker/core_reference.c"
SHELL = "tests/sim/sim_broker.c"
MUTATIONS = [
    ("a claim that another process holds counts as ours",
     (LAYER, "\t\tbusy(core, layer);", "\t\tgranted(core, layer, event);")),
    ("a claim is given back when it has been got",
     (LAYER, "\tlayer->state = LAYER_NODE_CLAIMED;", "\tlayer->state = LAYER_NODE_CLAIMED;\n\tcore_emit(core, CORE_RELEASE)->key = layer->key;")),
    ("a claim is kept when its layer has ended",
     (END, "\tcore_emit(core, CORE_RELEASE)->key = layer->key;", "")),
    ("a retry is not counted", (LEASE, "\tif (task->counted)\n", "\tif (task->counted || task->begun)\n")),
    ("a retry is counted as a first start", (LEASE, "reason == CORE_RETRY_NONE ? CORE_COUNT_START", "true ? CORE_COUNT_START")),
    ("two heartbeats without it prove that a task never arrived",
     (LEASE, "\tcore_task_retry(task, CORE_RETRY_NOT_SENT);", "\ttask->counted = true;"),
     (LEASE, " && core->now - lease->sent >= core->config.silence_ms / 2", "")),
    ("one who waits for a layer is not told its end", (END, "\tfor (uint32_t i = 0; i < count; i++)\n\t\tcore_layer_settle(", "\tfor (uint32_t i = 1; i < count; i++)\n\t\tcore_layer_settle(")),
    ("a lost worker's task is not given to another", (LEASE, "\tif (task->losses < LOSSES_MAX)\n\t\tcore_task_ready(core, task);", "\tif (task->losses < LOSSES_MAX)\n\t\treturn;")),
    ("a layer that kills its workers is tried for ever", (LEASE, "\tif (task->losses < LOSSES_MAX)\n", "\tif (true)\n")),
    ("a layer that kills its workers is never alone", (LEASE, "\t\ttask->exclusive = true;\n\tif (task->losses", "\t\ttask->exclusive = false;\n\tif (task->losses")),
    ("a task that hangs is waited for", (LEASE, "core->now < lease->moved + core->config.stall_ms", "true")),
    ("the analyzer set does not matter",
     (WORKER, "core_station_use(core, SLOT_LAYER, event->set)", "core_station_use(core, SLOT_LAYER, 0)"),
     (QUEUE, "? ((const struct core_layer *)(const void *)task)->key.set : 0;", "? 0 : 0;")),
    ("paused jobs are served", (JOB, "\tjob->paused = paused;", "\tjob->paused = false;")),
    ("a second 429 shortens the wait of the first",
     (HOST, "\tif (host->blocked_until < core->now + wait_ms)\n", "")),
    ("no other place is asked for a layer", (END, "\tif (core_layer_choose_source(core, layer)) {", "\tif (false) {")),
    ("bulk waits for all ad hoc work", (DISPATCH, "station->adhoc_run + 1 < CORE_BULK_SHARE", "true")),
    ("the oldest job is served first", (QUEUE, "left->tag != right->tag ? left->tag < right->tag : ", "")),
    ("a job ends while references lie in the catalog", (JOB, "job->more || job->fetching || job->references_open", "job->references_open")),
    ("one lease more than the host's budget", (HOST, "host->active >= config->host_leases_max", "host->active > config->host_leases_max")),
    ("the host's budget of bytes is not charged", (HOST, "\thost->tokens -= (int64_t)lease->charged;", "")),
    ("a broker that drains hands out tasks", (DISPATCH, "\twhile (!core->draining && !core->failed", "\twhile (!core->failed")),
    ("what was counted before the broker died is counted again", (JOB, "\t\tif (!core_hashes_add(&job->counted, event->hash))", "\t\tif (event->hash == 1)")),
    ("a job that reuses nothing takes what is known", (LAYER, "\taction->force = layer->force;", "\taction->force = false;")),
    ("a reference is done before its images are", (REFERENCE, "!reference->ended || reference->images_open", "!reference->ended")),
    ("answers leave before the commit (shell)",
     (SHELL, "enum { LEASE_BITS", "static void flush(struct sim *sim, size_t count);\n\nenum { LEASE_BITS"),
     (SHELL, "\tbroker->committing = true;", "\tflush(sim, broker->outbox_count);\n\tbroker->committing = true;")),
    ("a counted layer leaves no row in its job", (END, "\tstruct core_action *action = core_emit(core, CORE_JOB_LAYER);\n", "\tstruct core_action scratch, *action = &scratch;\n\n\t(void)core;\n")),
    ("a job's end is said before it is stored (shell)", ("tests/sim/sim_actions.c", "\tjob->running = false;", "\tif (sim->now % 2)\n\t\tjob->running = false;")),
]

# What the core says about itself is not asked: the simulator's own rules are to find it.
WITHOUT_CORE_CHECK = ("tests/sim/sim_shell.c", "(wrong = core_check(sim->broker.core)) != NULL", "(wrong = NULL) != NULL")


def copy_tree():
    shutil.rmtree(COPY / "src", ignore_errors=True)
    (COPY / "src").mkdir(parents=True)
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in files.stdout.splitlines():
        target = COPY / "src" / name
        if (ROOT / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)  # newer than what was built from the last mutation


def build():
    subprocess.run(["cmake", "-S", COPY / "src", "-B", COPY / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                    "-DVARVE_BENCH=OFF"], check=True, capture_output=True)
    out = subprocess.run(["cmake", "--build", COPY / "build", "--target", "sim"], capture_output=True, text=True)
    return None if out.returncode == 0 else out.stdout[-1500:]


def caught():
    """The first group and seed that fails, how many seeds it took, and the rule that was broken."""
    tried = 0
    for group in GROUPS:
        try:
            out = subprocess.run([COPY / "build/tests/sim/sim", "--group", group, "--count", COUNT], capture_output=True, text=True,
                                 errors="replace", timeout=120)
        except subprocess.TimeoutExpired:
            return group, tried, "does not end"
        if out.returncode == 0:
            tried += int(COUNT)
            continue
        if out.returncode < 0:
            return group, tried, f"signal {-out.returncode}"
        seeds = re.search(r"^(\d+) seeds, ", out.stdout, re.M)
        rule = re.search(r"^seed (\d+) \([^)]*\): (.*)$", out.stdout, re.M)
        return group, tried + int(seeds[1]), f"{rule[2]} (seed {rule[1]})"
    return None


def apply(changes):
    """True: every text stood there once."""
    for file, old, new in changes:
        path = COPY / "src" / file
        text = path.read_text()
        if text.count(old) != 1:
            print(f"{file} does not hold once, but {text.count(old)} times: {old!r}", file=sys.stderr)
            return False
        path.write_text(text.replace(old, new))
    return True


def main():
    wanted = sys.argv[1:]
    missed = []
    copy_tree()
    if not apply([WITHOUT_CORE_CHECK]) or build() or caught():
        sys.exit("the simulator fails without a mutation")
    for name, *changes in MUTATIONS:
        if wanted and not any(word in name for word in wanted):
            continue
        before = {file: (COPY / "src" / file).read_text() for file, _, _ in changes}
        broken = "cannot be applied" if not apply(changes) else build()
        found = None if broken else caught()
        for file, text in before.items():
            (COPY / "src" / file).write_text(text)
        print(f"| {name} | {found[0]} | {found[1]} | {found[2]} |" if found else f"| {name} | MISSED {broken or ''} | | |", flush=True)
        if not found:
            missed.append(name)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
