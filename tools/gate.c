#include "gate.h"

#include "base/slice.h"

#include <stdio.h>

static const enum severity thresholds[] = {SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL};

static int add_word(struct slice word, struct gate *gate, struct err *err)
{
	if (slice_eq_str(word, "unknown")) {
		gate->unknown = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof(thresholds) / sizeof(*thresholds); i++) {
		if (!slice_eq_str(word, severity_name(thresholds[i])))
			continue;
		if (thresholds[i] < gate->least)
			gate->least = thresholds[i];
		return 0;
	}
	return err_set(err, ERR_USAGE, "--fail-on: '%.*s' is none of low, medium, high, critical, unknown",
		       SLICE_FMT(word));
}

int gate_parse(const char *text, struct gate *gate, struct err *err)
{
	struct slice rest = slice_str(text);
	int          rc = 0;

	*gate = (struct gate){.asked = text != NULL, .least = (enum severity)SEVERITY_COUNT};
	if (text && !rest.len)
		return err_set(err, ERR_USAGE, "--fail-on needs a severity");
	while (rest.len && rc == 0)
		rc = add_word(slice_cut(&rest, ','), gate, err);
	return rc;
}

static bool is_judged(const struct image_result *result)
{
	if (result->image.status == IMAGE_FAILED || !result->complete)
		return false;
	for (size_t i = 0; i < result->coverage_count; i++)
		if (result->coverage[i].state != COVERAGE_MATCHED && result->coverage[i].state != COVERAGE_NO_PACKAGES)
			return false;
	return result->coverage_count != 0;
}

void gate_add(struct gate *gate, const struct image_result *result)
{
	if (!gate->asked || result->image.status == IMAGE_SKIPPED)
		return;
	for (size_t i = 0; i < result->vulnerabilities_count; i++) {
		enum severity severity = result->vulnerabilities[i].severity;

		if (severity == SEVERITY_UNKNOWN ? gate->unknown : severity >= gate->least) {
			gate->over++;
			break;
		}
	}
	gate->unjudged += !is_judged(result);
	gate->without_database += result->image.status == IMAGE_OK && !result->advisories_generation.len;
}

enum exit_status gate_status(const struct gate *gate)
{
	if (!gate->asked)
		return EXIT_STATUS_DONE;
	if (gate->without_database)
		return EXIT_STATUS_NOT_RUN;
	return gate->over || gate->unjudged ? EXIT_STATUS_GATE : EXIT_STATUS_DONE;
}

void gate_explain(const struct gate *gate, char *out, size_t size)
{
	out[0] = '\0';
	if (gate_status(gate) == EXIT_STATUS_NOT_RUN)
		snprintf(out, size, "gate not judged: no advisory database (run varve db update)");
	else if (gate_status(gate) == EXIT_STATUS_GATE)
		snprintf(out, size, "gate failed: %llu images over the threshold, %llu that could not be judged",
			 (unsigned long long)gate->over, (unsigned long long)gate->unjudged);
}
