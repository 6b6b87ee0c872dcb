#include <stdio.h>

#include "admin/certificates.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"

/* Their number, or -1 where this user may not read them. */
static err check_certificates(struct command_line *line, const struct config *config, int64_t *count)
{
	struct certificates certificates = { 0 };

	err e = certificates_load(line->arena, config, &certificates);
	*count = e.code == ERR_OK ? (int64_t)certificates.count : -1;
	certificates_forget(&certificates);
	return e.code == ERR_DENIED ? OK : e;
}

static int check(struct command_line *line)
{
	const struct config *config = NULL;
	str path = { 0 };
	int64_t count = 0;

	err e = options_read(line, NULL, 0, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &config);
	if (code != EXIT_FINE)
		return code;
	e = command_config_path(line, &path);
	if (e.code == ERR_OK)
		e = check_certificates(line, config, &count);
	if (e.code != ERR_OK)
		return command_fail_with(line, EXIT_CONFIG, e);
	if (line->json) {
		json_t *object = json_pack("{s:b, s:s%, s:s%, s:s%, s:o}", "ok", true, "file", path.ptr,
		                           path.len, "hostname", config->hostname.ptr, config->hostname.len,
		                           "data_dir", config->data_dir.ptr, config->data_dir.len,
		                           "certificates", count < 0 ? json_null() : json_integer(count));
		command_print_json(object);
		json_decref(object);
	} else {
		printf(STR_FMT " is fine.\n  hostname  " STR_FMT "\n  data_dir  " STR_FMT "\n", STR_ARG(path),
		       STR_ARG(config->hostname), STR_ARG(config->data_dir));
		if (count < 0)
			puts("Its certificates were not looked at: they are another user's. Run this as "
			     "root.");
	}
	return command_done(line);
}

static int run(struct command_line *line)
{
	static const struct action actions[] = { { "check", check } };

	return run_action(line, actions, sizeof actions / sizeof actions[0]);
}

const struct command config_command = {
	.name = "config",
	.summary = "is the configuration right?",
	.help = "Usage: postrider config check [-c FILE]\n"
		"\n"
		"Reads the configuration as the server would, and the certificates and keys that it names, "
		"and\n"
		"says what is wrong with them, with file, line and reason (exit code 78), without touching "
		"a\n"
		"running server. After a change that is fine, kill -HUP the server to have it read them "
		"again.\n",
	.run = run,
};
