#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "store/backup.h"
#include "store/store.h"

enum { LOCK_PATIENCE_MS = 1000 };

/* A data directory that is not there yet, belonging to who the server will be. */
static err make_data_dir(struct command_line *line, const struct config *config)
{
	char *path = arena_z(line->arena, config->data_dir), *user = arena_z(line->arena, config->user);

	if (!path || !user)
		return ERR_NO_MEMORY;
	if (access(path, F_OK) == 0)
		return OK;
	TRY(store_make_directory(line->arena, config->data_dir));
	if (config->user.len == 0 || geteuid() != 0)
		return OK;
	const struct passwd *entry = getpwnam(user);
	if (!entry)
		return err_new(line->arena, ERR_SYNTAX,
		               "there is no user \"%s\"; make one: adduser --system %s", user, user);
	if (chown(path, entry->pw_uid, entry->pw_gid) != 0)
		return err_errno(line->arena, errno, "giving %s to %s", path, user);
	return OK;
}

static err restore(struct command_line *line, const struct config *config, struct backup_report *report)
{
	AUTO(file) lock = FILE_NONE;

	TRY(make_data_dir(line, config));
	TRY(become_owner(line, config));
	err e = store_lock(line->arena, config->data_dir, LOCK_PATIENCE_MS, &lock);
	if (e.code == ERR_BUSY)
		return err_new(line->arena, ERR_BUSY,
		               "a server runs on " STR_FMT "; stop it first, and rename its data_dir",
		               STR_ARG(config->data_dir));
	TRY(e);
	return store_restore(line->arena, str_of(line->words[0]), config->data_dir, report);
}

static void say_done(struct command_line *line, const struct config *config, const struct backup_report *r,
                     int64_t ms)
{
	if (line->json) {
		json_t *object = json_pack(
			"{s:s, s:s%, s:I, s:I, s:I, s:I, s:f}", "directory", line->words[0], "data_dir",
			config->data_dir.ptr, config->data_dir.len, "messages", (json_int_t)r->messages,
			"octets", (json_int_t)r->octets, "segments", (json_int_t)r->segments, "files",
			(json_int_t)r->files, "seconds", (double)ms / 1000);
		command_print_json(object);
		json_decref(object);
		return;
	}
	printf("Restored %ju messages (%ju octets) into " STR_FMT " in %.1f s.\n"
	       "Next: postrider doctor, then postrider serve\n",
	       (uintmax_t)r->messages, (uintmax_t)r->octets, STR_ARG(config->data_dir), (double)ms / 1000);
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
	e = restore(line, config, &report);
	if (e.code == ERR_MISSING)
		return command_fail_with(line, EXIT_NO_INPUT, e);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	say_done(line, config, &report, clock_tick_ms() - begin);
	return command_done(line);
}

const struct command restore_command = {
	.name = "restore",
	.summary = "make the store of this configuration from a backup",
	.help = "Usage: postrider restore DIR\n"
		"\n"
		"Copies the backup DIR into the configuration's data_dir, checks that everything its rows\n"
		"name is there and puts it in place when it is whole. Refuses while a server runs (75) and\n"
		"where data_dir holds a store (73). New messages get UIDs higher by 1,048,576 than when the\n"
		"backup was made, so that no mail program takes a new message for one it has seen. Run\n"
		"again what was cut short. Run it as root or as the server's user, who must be allowed to\n"
		"read DIR.\n",
	.run = run,
};
