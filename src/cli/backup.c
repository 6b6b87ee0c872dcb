#include "store/backup.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"

static void say_done(struct command_line *line, const struct backup_report *r, int64_t ms)
{
	const char *dir = line->words[0];

	if (line->json) {
		json_t *object =
			json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "directory", dir, "messages",
		                  (json_int_t)r->messages, "octets", (json_int_t)r->octets, "segments",
		                  (json_int_t)r->segments, "files", (json_int_t)r->files, "copied_octets",
		                  (json_int_t)r->copied_octets, "linked", (json_int_t)r->linked, "seconds",
		                  (double)ms / 1000);
		command_print_json(object);
		json_decref(object);
		return;
	}
	printf("Backed up %ju messages (%ju octets) to %s in %.1f s.\n", (uintmax_t)r->messages,
	       (uintmax_t)r->octets, dir, (double)ms / 1000);
	if (r->linked)
		printf("%ju of its files are hard links: they share this disk with the store.\n",
		       (uintmax_t)r->linked);
	printf("Next: copy %s, the configuration and its keys to another machine. There:\n\n"
	       "  postrider -c FILE restore DIR\n",
	       dir);
}

static int run(struct command_line *line)
{
	const struct config *config = NULL;
	struct backup_report report = { 0 };
	int64_t begin = clock_tick_ms();

	err e = options_read(line, NULL, 0, 1, 1, "DIR");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &config);
	if (code != EXIT_FINE || !config)
		return code;
	e = become_owner(line, config);
	if (e.code == ERR_OK)
		e = store_backup(line->arena, config->data_dir, str_of(line->words[0]), &report);
	if (e.code == ERR_MISSING)
		return command_fail_with(line, EXIT_NO_INPUT, e);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	say_done(line, &report, clock_tick_ms() - begin);
	return command_done(line);
}

const struct command backup_command = {
	.name = "backup",
	.summary = "copy all mail, accounts and domains into a folder",
	.help = "Usage: postrider backup DIR\n"
		"\n"
		"Copies the store as it is now into the new folder DIR, with or without a running server,\n"
		"which goes on taking mail. DIR appears when it is whole and on disk; until then it is\n"
		"called DIR.partial. What never changes again is linked, not copied, where DIR is on the\n"
		"same file system; so copy DIR to another machine afterwards. Refuses (73) where DIR holds\n"
		"something. The configuration, certificates and keys are not in it. Run by root it becomes\n"
		"the owner of data_dir, who must be allowed to make DIR.\n",
	.run = run,
};
