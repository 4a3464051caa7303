#include "broker_link.h"

int broker_link_open(const struct broker_options *options, struct broker_link *link, struct err *err)
{
	struct client_config config = {.wire = {.secret_file = options->key_file,
						.server_public = options->broker_key,
						.insecure_tcp = options->insecure_tcp}};
	int                  rc = 0;

	*link = (struct broker_link){0};
	buf_init(&link->endpoint, 4096);
	if (options->endpoint)
		buf_str(&link->endpoint, options->endpoint);
	else
		rc = wire_default_endpoint(false, &link->endpoint, err);
	buf_byte(&link->endpoint, 0);
	if (rc == 0 && !buf_ok(&link->endpoint))
		rc = err_set(err, ERR_USAGE, "--broker: the endpoint is too long");
	config.wire.endpoint = (const char *)link->endpoint.ptr;
	if (rc == 0)
		rc = client_open(&config, &link->client, err);
	if (rc != 0)
		broker_link_close(link);
	return rc;
}

void broker_link_close(struct broker_link *link)
{
	client_close(link->client);
	link->client = NULL;
	buf_deinit(&link->endpoint);
}

int parse_job(const char *text, uint64_t *job, struct err *err)
{
	if (!slice_u64(slice_str(text), job) || *job == 0)
		return err_set(err, ERR_USAGE, "'%s' is not a job number (see varve status)", text);
	return 0;
}
