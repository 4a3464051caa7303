#include "match/match_unique.h"

struct package_context match_language_context_of(const struct image_result *result)
{
	return (struct package_context){.arch = slice_str(result->image.platform.arch)};
}

struct package_context match_context_of(const struct image_result *result)
{
	return (struct package_context){
		.os = result->os,
		.arch = slice_str(result->image.platform.arch),
		.ubuntu_pro = ecosystem_is_ubuntu_pro(result->packages, result->packages_count),
	};
}

struct unique_package match_unique_of(const struct image_result *result, size_t index, struct arena *arena)
{
	const struct package *package = &result->packages[index].package;
	struct unique_package out = {.package = *package};
	struct osv_query      query;

	if (!slice_eq_str(package->type, "rpm") || !package->source_name.len || !package->source_version.len)
		return out;
	query = match_rpm_source_query(result->packages, result->packages_count, index, arena);
	out.ignore_epoch = query.ignore_epoch;
	if (!slice_eq(query.version, package->source_version))
		out.subject_version = query.version;
	return out;
}

int match_unique_judge(const struct advisories *advisories, const struct package_context *context, struct slice type,
		       struct arena *arena, struct unique_judge *out, struct err *err)
{
	struct ecosystem_target *target = &out->target;
	int                      status;

	*out = (struct unique_judge){.arch = context->arch};
	if (!package_type_is_os(type)) {
		status = ecosystem_target_for_type(advisories, type, arena, target, err);
	} else {
		status = ecosystem_target_for_os(advisories, &context->os, context->ubuntu_pro, arena, target, err);
		out->nobody = target->ecosystem && !slice_eq_str(type, target->ecosystem->type);
	}
	out->nobody |= !target->ecosystem || target->strings_count == 0;
	return status;
}

static struct match_subject subject_of(const struct unique_judge *judge, const struct unique_package *unique,
				       struct arena *arena)
{
	struct result_package alone = {.package = unique->package};
	struct match_subject  subject = match_subject_of(&judge->target, &alone, 1, 0, arena);
	bool by_source = judge->target.ecosystem->key == ECOSYSTEM_BY_SOURCE && unique->package.source_name.len != 0;

	if (by_source && slice_eq_str(unique->package.type, "rpm") && unique->package.source_version.len) {
		subject.query.version =
			unique->subject_version.len ? unique->subject_version : unique->package.source_version;
		subject.query.ignore_epoch = unique->ignore_epoch;
	}
	subject.arch = judge->arch;
	return subject;
}

struct slice match_unique_name(const struct unique_judge *judge, const struct unique_package *package,
			       struct arena *arena)
{
	return subject_of(judge, package, arena).name;
}

int match_unique(const struct advisories *advisories, const struct unique_judge *judge,
		 const struct unique_package *package, struct arena *arena, struct match_found *out, struct err *err)
{
	struct match_subject subject;

	*out = (struct match_found){0};
	if (judge->nobody || match_is_never(&package->package) || (package->package.flags & PACKAGE_THIRD_PARTY))
		return 0;
	subject = subject_of(judge, package, arena);
	return match_subject(advisories, &judge->target, &subject, arena, out, err);
}

bool match_unique_suppressed(const struct unique_judge *os, const struct unique_judge *judge, bool owned, bool declared)
{
	bool os_judged = os->target.state == COVERAGE_MATCHED || os->target.state == COVERAGE_EOL;

	return declared || (owned && (os_judged || judge->target.strings_count == 0));
}
