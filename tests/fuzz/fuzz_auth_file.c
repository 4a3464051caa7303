/* Credential files, helpers' answers and token answers over any bytes. */
#include "source/registry_credential.h"
#include "source/registry_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice      text = slice_of(data, size);
	struct credential credential;
	struct buf        token = {.bytes_max = 4096};
	uint64_t          lives_ms;

	credential_init(&credential);
	auth_file_find(text, "docker.io", "library/alpine", &credential, NULL);
	credential_deinit(&credential);
	helper_answer_parse(text, &credential, NULL);
	credential_deinit(&credential);
	token_answer_parse(text, &token, &lives_ms, NULL);
	buf_deinit(&token);
	return 0;
}
