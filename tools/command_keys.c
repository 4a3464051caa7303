/* command_keys.c - varve keys: key files for tcp:// and the list of keys that a broker admits. */
#include "command.h"
#include "exit_status.h"
#include "wire/keys.h"

#include <stdio.h>
#include <string.h>

struct keys_values {
	const char *list;
};

static const struct option_spec keys_options[] = {
	{"list", OPTION_TEXT, offsetof(struct keys_values, list), "FILE",
	 "the broker's list of admitted keys (authorize, revoke)"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int generate(int count, char **words, struct err *err)
{
	struct wire_keys keys;

	if (count != 1)
		return err_set(err, ERR_USAGE, "keys generate takes one FILE");
	if (keys_generate(words[0], &keys, err) != 0)
		return err->code;
	printf("%s\n", keys.public_key);
	return EXIT_STATUS_DONE;
}

static int show(int count, char **words, struct err *err)
{
	struct wire_keys keys;

	if (count != 1)
		return err_set(err, ERR_USAGE, "keys show takes one FILE");
	if (keys_read(words[0], &keys, err) != 0)
		return err->code;
	printf("%s\n", keys.public_key);
	return EXIT_STATUS_DONE;
}

static int check_public(const char *text, struct err *err)
{
	if (keys_valid_public(slice_str(text)))
		return 0;
	return err_set(err, ERR_USAGE, "'%s' is not a public key (40 characters; see varve keys show)", text);
}

static int authorize(const char *list, int count, char **words, struct err *err)
{
	unsigned roles;

	if (!list || count < 2 || count > 3)
		return err_set(err, ERR_USAGE,
			       "keys authorize needs --list FILE, ROLE[,ROLE…] and PUBLIC-KEY, perhaps a NAME");
	if (auth_parse_roles(slice_str(words[0]), &roles, err) != 0 || check_public(words[1], err) != 0)
		return err->code;
	return keys_authorize(list, slice_str(words[1]), roles, slice_str(count == 3 ? words[2] : ""), err);
}

static int revoke(const char *list, int count, char **words, struct err *err)
{
	if (!list || count != 1)
		return err_set(err, ERR_USAGE, "keys revoke needs --list FILE and PUBLIC-KEY");
	if (check_public(words[0], err) != 0)
		return err->code;
	return keys_revoke(list, slice_str(words[0]), err);
}

static int keys_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct keys_values values = {0};
	int                operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (operands && strcmp(argv[1], "generate") == 0)
		return generate(operands - 1, argv + 2, err);
	if (operands && strcmp(argv[1], "show") == 0)
		return show(operands - 1, argv + 2, err);
	if (operands && strcmp(argv[1], "authorize") == 0)
		return authorize(values.list, operands - 1, argv + 2, err);
	if (operands && strcmp(argv[1], "revoke") == 0)
		return revoke(values.list, operands - 1, argv + 2, err);
	return err_set(err, ERR_USAGE, "keys: say generate, show, authorize or revoke (see varve keys --help)");
}

const struct command command_keys = {
	"keys",
	"key files for tcp:// and who may use a broker",
	"ACTION …",
	"  generate FILE                              make a key file (mode 0600) and print its public key\n"
	"  show FILE                                  print the public key of a key file\n"
	"  authorize --list FILE ROLE[,ROLE…] KEY [NAME]  admit KEY; roles: worker, submit, read, admin\n"
	"  revoke --list FILE KEY                     admit it no longer; takes effect at once",
	keys_options,
	keys_run,
};
