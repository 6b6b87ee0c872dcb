#include <stdio.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"

static int check(struct command_line *line)
{
	const struct config *config = NULL;
	str path = { 0 };

	err e = options_read(line, NULL, 0, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &config);
	if (code != EXIT_FINE)
		return code;
	e = command_config_path(line, &path);
	if (e.code != ERR_OK)
		return command_fail_with(line, EXIT_CONFIG, e);
	if (line->json) {
		json_t *object = json_pack("{s:b, s:s%, s:s%, s:s%}", "ok", true, "file", path.ptr, path.len,
		                           "hostname", config->hostname.ptr, config->hostname.len, "data_dir",
		                           config->data_dir.ptr, config->data_dir.len);
		command_print_json(object);
		json_decref(object);
	} else {
		printf(STR_FMT " is fine.\n  hostname  " STR_FMT "\n  data_dir  " STR_FMT "\n", STR_ARG(path),
		       STR_ARG(config->hostname), STR_ARG(config->data_dir));
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
		"Reads the configuration as the server would and says what is wrong with it, with file, "
		"line\n"
		"and reason (exit code 78), without touching a running server. After a change that is fine,\n"
		"kill -HUP the server to have it read the file again.\n",
	.run = run,
};
