/* cli/ask.h: management operations as commands run them: by the running server, else on the store itself. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <sys/types.h>

#include "admin/config.h"
#include "cli/command.h"

struct store;

/* Reads the configuration; its failure is said and the exit code returned (78, or 66 for a file named by -c
 * that can't be read). */
int command_load_config(struct command_line *line, const struct config **out);

/* Runs `operation` (admin/operation.h) and says warnings and failures. *answer is owned by the caller.
 * `arguments` is taken over. Returns the exit code. */
int ask(struct command_line *line, const char *operation, json_t *arguments, json_t **answer);

/* The same over a configuration that is loaded already. */
int ask_with(struct command_line *line, const struct config *config, const char *operation, json_t *arguments,
             json_t **answer);

/* Opens the store of `config` for this command, as the owner of data_dir, under its lock. ERR_BUSY: a server
 * has it and does not answer. Closed by store_close and by closing *lock. */
err open_store(struct command_line *line, const struct config *config, struct store **store,
               int *lock) MUST_USE;

/* Turns root into the owner of the data directory, so that files made here are the server's. ERR_DENIED: we
 * are neither. */
err become_owner(struct command_line *line, const struct config *config) MUST_USE;

/* A JSON string's value, "" for null or absence: for printing answers. */
const char *json_text(const json_t *object, const char *key);
uint64_t json_number(const json_t *object, const char *key);

#endif
