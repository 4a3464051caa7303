#include "answer.h"

#include "base/json.h"
#include "diff.h"
#include "history.h"
#include "rematch.h"
#include "top.h"
#include "where.h"

struct asked {
	const struct json *request;
	struct question   *q;
	struct buf        *out;
	struct err        *err;
};

static int answer_rematch(const struct asked *asked)
{
	const struct json     *since = json_get(asked->request, "judgement");
	int64_t                judgement = since ? json_int(since, -1) : 0;
	struct rematch_request request = {.since = (uint64_t)judgement,
					  .generation = json_get_text(asked->request, "generation"),
					  .brief = json_bool(json_get(asked->request, "brief"), false)};
	struct rematch_summary summary;

	if (judgement < 0)
		return err_set(asked->err, ERR_USAGE, "a judgement is a number");
	return rematch_answer(asked->q, &request, asked->out, &summary, asked->err);
}

static int answer_history(const struct asked *asked)
{
	int64_t from = json_int(json_get(asked->request, "from_ms"), 0);

	return history_answer(asked->q, from < 0 ? 0 : (uint64_t)from, asked->out, asked->err);
}

static int answer_diff(const struct asked *asked)
{
	const struct diff_request request = {.a = json_get_text(asked->request, "a"),
					     .b = json_get_text(asked->request, "b"),
					     .platform = json_get_text(asked->request, "platform"),
					     .base = json_bool(json_get(asked->request, "base"), false)};

	return diff_answer(asked->q, &request, asked->out, asked->err);
}

static int answer_top(const struct asked *asked)
{
	int64_t                  limit = json_int(json_get(asked->request, "limit"), 0);
	const struct top_request request = {.prefix = json_get_text(asked->request, "prefix"),
					    .limit = limit < 0 ? 0 : (size_t)limit};

	return top_answer(asked->q, &request, asked->out, asked->err);
}

static int answer_where(const struct asked *asked)
{
	const struct where_request request = {.what = json_get_text(asked->request, "what"),
					      .as = json_get_text(asked->request, "as"),
					      .prefix = json_get_text(asked->request, "prefix"),
					      .source = json_bool(json_get(asked->request, "source"), false),
					      .linear = json_bool(json_get(asked->request, "linear"), false)};

	return where_answer(asked->q, &request, asked->out, asked->err);
}

struct kind {
	const char *ask;
	const char *members[8];
	int (*answer)(const struct asked *asked);
};

static const struct kind kinds[] = {
	{"rematch", {"ask", "judgement", "generation", "brief"}, answer_rematch},
	{"history", {"ask", "from_ms"}, answer_history},
	{"top", {"ask", "prefix", "limit"}, answer_top},
	{"diff", {"ask", "a", "b", "platform", "base"}, answer_diff},
	{"where", {"ask", "what", "as", "prefix", "source", "linear"}, answer_where},
};

static bool takes(const struct kind *kind, struct slice member)
{
	for (size_t i = 0; i < sizeof(kind->members) / sizeof(kind->members[0]) && kind->members[i]; i++)
		if (slice_eq_str(member, kind->members[i]))
			return true;
	return false;
}

static const struct kind *find_kind(const struct json *request, struct err *err)
{
	struct slice       ask = json_get_text(request, "ask");
	const struct kind *kind = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (slice_eq_str(ask, kinds[i].ask))
			kind = &kinds[i];
	if (!kind) {
		err_set(err, ERR_USAGE, "no such question");
		return NULL;
	}
	for (void *it = json_first(request); it; it = json_next(request, it))
		if (!takes(kind, json_key(it))) {
			err_set(err, ERR_USAGE, "the question %s does not take that", kind->ask);
			return NULL;
		}
	return kind;
}

int answer(struct catalog *catalog, struct advisory_share *share, struct slice request, struct buf *out,
	   struct err *err)
{
	struct question    q;
	struct json       *root = NULL;
	const struct kind *kind;
	int                status = json_parse(request, &root, err);

	if (status)
		return err_set(err, ERR_USAGE, "a question that cannot be read");
	kind = find_kind(root, err);
	status = kind ? question_open(&q, catalog, share, err) : ERR_USAGE;
	if (kind) {
		struct asked asked = {.request = root, .q = &q, .out = out, .err = err};

		if (!status)
			status = kind->answer(&asked);
		question_close(&q);
	}
	json_free(root);
	return status;
}
