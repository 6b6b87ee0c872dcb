#include "cli/ask.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/operation.h"
#include "base/file.h"
#include "base/log.h"
#include "http/control_client.h"
#include "store/store.h"

/* A server that starts has the lock before it answers: so long does a command wait for the one or the other.
 */
enum { LOCK_PATIENCE_MS = 5000 };

int command_load_config(struct command_line *line, const struct config **out)
{
	struct config *config = NULL;
	str path = { 0 };

	err e = command_config_path(line, &path);
	if (e.code != ERR_OK)
		return command_fail_with(line, line->config_path ? EXIT_NO_INPUT : EXIT_CONFIG, e);
	e = config_load(line->arena, path, &config);
	if (e.code == ERR_DENIED && line->config_path)
		return command_fail_with(line, EXIT_NO_INPUT, e);
	if (e.code != ERR_OK)
		return command_fail_with(line, EXIT_CONFIG, e);
	*out = config;
	return EXIT_FINE;
}

err become_owner(struct command_line *line, const struct config *config)
{
	char *path = arena_z(line->arena, config->data_dir);
	struct stat about;

	if (!path)
		return ERR_NO_MEMORY;
	umask(077); /* every login may pass through data_dir, none may read what stands in it */
	if (stat(path, &about) != 0 && errno == ENOENT)
		return store_make_directory(line->arena, config->data_dir);
	if (stat(path, &about) != 0)
		return err_errno(line->arena, errno, "data_dir %s", path);
	if (about.st_uid == geteuid())
		return OK;
	if (geteuid() != 0)
		return err_new(
			line->arena, ERR_DENIED,
			"%s belongs to another user; run this as root or as the user that the server runs as",
			path);
	if (setgroups(0, NULL) != 0 || setresgid(about.st_gid, about.st_gid, about.st_gid) != 0 ||
	    setresuid(about.st_uid, about.st_uid, about.st_uid) != 0)
		return err_errno(line->arena, errno, "becoming the owner of %s", path);
	return OK;
}

err open_store(struct command_line *line, const struct config *config, struct store **store, int *lock)
{
	struct store_options options = { .directory = config->data_dir,
		                         .limits = config->limits,
		                         .without_maintenance = true };
	AUTO(file) held = FILE_NONE;

	TRY(become_owner(line, config));
	err e = store_lock(line->arena, config->data_dir, LOCK_PATIENCE_MS, &held);
	if (e.code == ERR_BUSY)
		return err_new(line->arena, ERR_BUSY,
		               "another postrider works on " STR_FMT
		               " and does not answer yet; try again in a moment",
		               STR_ARG(config->data_dir));
	TRY(e);
	log_silence();
	e = store_open(line->arena, &options, store);
	if (e.code == ERR_DENIED) /* written by a newer postrider */
		line->exit = EXIT_CONFIG;
	TRY(e);
	*lock = file_take(&held);
	return OK;
}

static void say_warnings(struct command_line *line, const json_t *warnings)
{
	for (size_t i = 0; i < json_array_size(warnings); i++)
		command_warn(line, json_string_value(json_array_get(warnings, i)));
}

static int run_here(struct command_line *line, const struct config *config, const char *name,
                    const json_t *arguments, json_t **answer)
{
	const struct operation *operation = operation_find(str_of(name));
	struct store *store = NULL;
	struct operation_call call;
	AUTO(file) lock = FILE_NONE;

	err e = open_store(line, config, &store, &lock);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	operation_call_init(&call, line->arena, store, arguments);
	call.config = config;
	e = operation_run(operation, &call);
	if (e.code == ERR_OK) {
		*answer = call.answer;
		call.answer = NULL;
		say_warnings(line, call.warnings);
	}
	line->usage = call.usage;
	operation_call_fini(&call);
	store_close(store);
	return e.code == ERR_OK ? EXIT_FINE : command_fail(line, e);
}

int ask_with(struct command_line *line, const struct config *config, const char *operation, json_t *arguments,
             json_t **answer)
{
	struct control_answer said = { 0 };
	int code = EXIT_FINE;

	err e = control_ask(line->arena, config->data_dir, str_of(operation), arguments, &said);
	if (e.code == ERR_MISSING) {
		code = run_here(line, config, operation, arguments, answer);
	} else if (e.code != ERR_OK) {
		code = command_fail_with(line, e.code == ERR_DENIED ? EXIT_NOT_PERMITTED : EXIT_UNAVAILABLE,
		                         e);
	} else if (said.failed.code != ERR_OK) {
		line->usage = said.usage;
		code = command_fail(line, said.failed);
	} else {
		*answer = json_incref((json_t *)(uintptr_t)said.answer);
		say_warnings(line, said.warnings);
	}
	json_decref(said.document);
	json_decref(arguments);
	return code;
}

int ask(struct command_line *line, const char *operation, json_t *arguments, json_t **answer)
{
	const struct config *config = NULL;
	int code = command_load_config(line, &config);

	if (code != EXIT_FINE || !config) {
		json_decref(arguments);
		return code;
	}
	return ask_with(line, config, operation, arguments, answer);
}

const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

uint64_t json_number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}
