#include "store/backup.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Between begin and end root is the owner of data_dir: nothing that lies there is read with root's rights,
 * and what is made (SQLite's files, hold.lock) is the server's. */
static err lower(struct command_line *line, const struct stat *owner, const char *folder)
{
	if (chown(folder, owner->st_uid, owner->st_gid) != 0 || setgroups(0, NULL) != 0 ||
	    setegid(owner->st_gid) != 0 || seteuid(owner->st_uid) != 0)
		return err_errno(line->arena, errno, "becoming the owner of data_dir");
	return OK;
}

static err raise_again(struct command_line *line)
{
	return seteuid(0) == 0 && setegid(0) == 0 ? OK : err_errno(line->arena, errno, "becoming root again");
}

static err fill(struct command_line *line, const struct stat *owner, struct backup *backup,
                struct backup_report *report)
{
	if (owner->st_uid == geteuid())
		return store_backup_fill(backup, report);
	err e = lower(line, owner, store_backup_folder(backup));
	if (e.code == ERR_OK)
		e = store_backup_fill(backup, report);
	err back = raise_again(line);
	return e.code == ERR_OK ? back : e;
}

static err make_backup(struct command_line *line, const struct config *config, struct backup_report *report)
{
	struct backup *backup = NULL;
	struct stat owner;
	char *path = arena_z(line->arena, config->data_dir);

	if (!path)
		return ERR_NO_MEMORY;
	if (stat(path, &owner) != 0)
		return err_errno(line->arena, errno, "data_dir %s", path);
	if (geteuid() != 0)
		TRY(become_owner(line, config)); /* says who may do this */
	TRY(store_backup_begin(line->arena, config->data_dir, str_of(line->words[0]), &backup));
	err e = fill(line, &owner, backup, report);
	if (e.code == ERR_OK)
		return store_backup_end(backup);
	store_backup_abandon(backup);
	return e;
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
	e = make_backup(line, config, &report);
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
		"something. The configuration, certificates and keys are not in it. Run it as root or as "
		"the\n"
		"server's user, to whom DIR will belong.\n",
	.run = run,
};
